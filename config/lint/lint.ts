import type { Findings } from '../diagnostics/findings.ts'
import type { TlsTexts } from '../resolve/service.ts'
import type { Tree } from '../source/tree.ts'
import type { ReadFile } from './tls-files.ts'

export interface LintResult {
  readonly tls: ReadonlyMap<string, TlsTexts>
  readonly files: readonly string[]
}

export const lint = (_tree: Tree, _findings: Findings, _readFile: ReadFile): LintResult => ({ tls: new Map(), files: [] })
