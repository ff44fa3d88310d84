import type { SourceLocation } from '../diagnostics/diagnostic.ts'

/** One text with a name; offsets become lines and columns only when somebody asks. */
export class SourceFile {
  /** As shown to people. */
  readonly name: string
  /** Absolute path of the folder that relative file names in it refer to. */
  readonly folder: string
  readonly text: string
  #lineStarts: readonly number[] | undefined

  constructor(name: string, text: string, folder: string) {
    this.name = name
    this.text = text
    this.folder = folder
  }

  /** @param start First UTF-16 unit. @param end The one behind the last; at least one unit is covered. */
  locate(start: number, end: number): SourceLocation {
    const from = this.#position(Math.max(0, Math.min(start, this.text.length)))
    const to = this.#position(Math.max(Math.min(end, this.text.length), Math.min(start, this.text.length)))
    const empty = from.line === to.line && from.column === to.column
    return { file: this.name, line: from.line, column: from.column, endLine: to.line, endColumn: to.column + (empty ? 1 : 0) }
  }

  #position(offset: number): { line: number; column: number } {
    this.#lineStarts ??= lineStarts(this.text)
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 }
  }
}

const lineStarts = (text: string): number[] => {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}
