import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A new empty folder. Whoever makes it removes it; an interrupted bench leaves none behind either. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
