import { type DiagnosticCode, catalogue } from './catalogue.ts'
import { withoutCredentials } from '../values/credentials.ts'
import type { Diagnostic, SourceLocation } from './diagnostic.ts'

export interface FindingDetail {
  readonly hint?: string | undefined
  readonly notes?: readonly string[]
  readonly related?: NonNullable<Diagnostic['related']>
  readonly pointer?: string | undefined
}

/** Collects what is wrong; at most one finding of one kind for one place. */
export class Findings {
  readonly #found = new Map<string, Diagnostic>()
  readonly #unusable = new Set<string>()
  #errors = 0

  report(code: DiagnosticCode, location: SourceLocation, message: string, detail: FindingDetail = {}): void {
    const key = `${code} ${location.line}:${location.column} ${location.file}`
    if (this.#found.has(key)) return
    const { severity, title } = catalogue[code]
    if (severity === 'error') this.#errors += 1
    this.#found.set(key, {
      code,
      severity,
      title,
      message: withoutCredentials(message),
      ...(detail.hint === undefined ? {} : { hint: withoutCredentials(detail.hint) }),
      ...(detail.notes === undefined || detail.notes.length === 0 ? {} : { notes: detail.notes }),
      location,
      ...(detail.related === undefined || detail.related.length === 0 ? {} : { related: detail.related }),
      ...(detail.pointer === undefined ? {} : { pointer: detail.pointer }),
    })
  }

  /** What stands at this JSON Pointer is incomplete, for a reason that is reported elsewhere. */
  markUnusable(pointer: string): void {
    this.#unusable.add(pointer)
  }

  get unusable(): ReadonlySet<string> {
    return this.#unusable
  }

  get hasErrors(): boolean {
    return this.#errors > 0
  }

  [Symbol.iterator](): IterableIterator<Diagnostic> {
    return this.#found.values()
  }

  /** By file, line, column, code; the same for the same input. */
  sorted(): readonly Diagnostic[] {
    return [...this.#found.values()].sort(
      (a, b) =>
        compare(a.location.file, b.location.file) ||
        a.location.line - b.location.line ||
        a.location.column - b.location.column ||
        compare(a.code, b.code),
    )
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
