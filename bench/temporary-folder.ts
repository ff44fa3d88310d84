import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A new empty folder; whoever makes it removes it. */
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'headgate-bench-'))
