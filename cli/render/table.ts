import type { Style } from '../io.ts'
import { clipped, textWidth, visible } from './text-width.ts'

export interface TableOptions {
  /** Columns of the terminal; undefined for no limit. */
  readonly width: number | undefined
  readonly style: Style
  /** Put before each line. */
  readonly indent?: string
}

const gap = '  '
/** A column is not narrowed below this: less says nothing. */
const least = 6

/**
 * A table in plain columns. Where it is wider than the terminal the widest columns are narrowed and their cells cut with `…`.
 * Columns that are empty in every row are left out.
 */
export const table = (headers: readonly string[], rows: readonly (readonly string[])[], options: TableOptions): string => {
  const used = headers.map((_, column) => rows.some((row) => (row[column] ?? '') !== ''))
  const keep = (row: readonly string[]): string[] =>
    headers.map((_, column) => visible(row[column] ?? '')).filter((_, column) => used[column] === true)
  const head = keep(headers)
  const body = rows.map(keep)
  const indent = options.indent ?? ''
  const widths = head.map((header, column) => Math.max(textWidth(header), ...body.map((row) => textWidth(row[column] ?? ''))))
  const fitted = options.width === undefined ? widths : narrowed(widths, options.width - textWidth(indent))
  const line = (cells: readonly string[], paint: (text: string) => string): string => {
    const padded = cells.map((cell, column) => fit(cell, fitted[column] ?? 0, paint))
    return `${indent}${padded.join(gap)}`.trimEnd()
  }
  return [line(head, (text) => options.style('dim', text)), ...body.map((row) => line(row, (text) => text))].map((text) => `${text}\n`).join('')
}

const fit = (cell: string, width: number, paint: (text: string) => string): string => {
  const text = clipped(cell, width)
  return paint(text) + ' '.repeat(Math.max(0, width - textWidth(text)))
}

const narrowed = (widths: readonly number[], available: number): number[] => {
  const result = [...widths]
  let excess = sum(result) + gap.length * (result.length - 1) - available
  while (excess > 0) {
    const widest = Math.max(...result)
    if (widest <= least) break
    const column = result.indexOf(widest)
    // Down to the next widest at once, so that very long cells cost no more steps than there are columns.
    const next = Math.max(least, ...result.filter((width) => width < widest))
    const step = Math.min(excess, Math.max(1, widest - next))
    result[column] = widest - step
    excess -= step
  }
  return result
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
