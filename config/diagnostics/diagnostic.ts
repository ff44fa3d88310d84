/** A finding about a configuration: a value, never thrown, always positioned. */
export interface Diagnostic {
  /** Stable code such as `HG1003`; each has a section in `docs/diagnostics.md`. */
  readonly code: string
  readonly severity: 'error' | 'warning'
  /** Short name of the problem, the same for every finding of this code: `unknown key`. */
  readonly title: string
  /** What is wrong here, one sentence: `` `treshold` is not a key of routing_rules[0].circuit_breaker. `` */
  readonly message: string
  /** What to do about it. */
  readonly hint?: string
  /** Further facts, one line each, such as `allowed here: threshold, timeout`. */
  readonly notes?: readonly string[]
  readonly location: SourceLocation
  /** Other places that have to do with it (the first definition of a duplicate). */
  readonly related?: readonly { readonly message: string; readonly location: SourceLocation }[]
  /** JSON Pointer into the effective configuration, where there is one. */
  readonly pointer?: string
}

/** A place in a file; lines and columns count from 1, columns in UTF-16 units; the end is exclusive. */
export interface SourceLocation {
  /** Path as the user gave it, or relative to the working folder. */
  readonly file: string
  readonly line: number
  readonly column: number
  readonly endLine: number
  readonly endColumn: number
}
