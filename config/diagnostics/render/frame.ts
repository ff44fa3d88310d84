import type { SourceLocation } from '../diagnostic.ts'
import { type Glyph, glyphs } from './width.ts'

/** Longest line shown; of longer ones the part around the mark. */
const maxColumns = 120
const leadColumns = 40
const linesBefore = 2

export interface Frame {
  /** Source lines with their numbers, the marked one last. */
  readonly lines: readonly { readonly number: string; readonly text: string }[]
  /** Columns before the mark. */
  readonly indent: number
  readonly mark: string
}

/** The lines around a place. Undefined when the text does not have it. */
export const frame = (source: string, location: SourceLocation): Frame | undefined => {
  const lines = linesAround(source, location.line)
  const marked = lines.at(-1)
  if (marked === undefined) return undefined
  const end = location.endLine === location.line ? location.endColumn : marked.length + 1
  const window = clip(glyphs(marked), location.column - 1)
  const width = String(location.line).length
  return {
    lines: lines.map((text, index) => ({
      number: String(location.line - lines.length + 1 + index).padStart(width),
      text: index === lines.length - 1 ? window.text : clip(glyphs(text), 0).text,
    })),
    indent: window.columnsBefore,
    mark: '^'.repeat(Math.max(1, Math.min(columnsBetween(window.glyphs, location.column - 1, end - 1), maxColumns - window.columnsBefore))),
  }
}

/** The line and up to two before it, leading blank ones left out; only this part of the text is looked at. */
const linesAround = (source: string, line: number): string[] => {
  let start = 0
  for (let number = 1; number < line - linesBefore; number += 1) {
    const next = source.indexOf('\n', start)
    if (next === -1) return []
    start = next + 1
  }
  const lines: string[] = []
  for (let number = Math.max(1, line - linesBefore); number <= line; number += 1) {
    const next = source.indexOf('\n', start)
    lines.push(source.slice(start, next === -1 ? source.length : next).replace(/\r$/, ''))
    if (next === -1) return number === line ? withoutBlank(lines) : []
    start = next + 1
  }
  return withoutBlank(lines)
}

const withoutBlank = (lines: readonly string[]): string[] => {
  const first = lines.findIndex((line, index) => index === lines.length - 1 || line.trim() !== '')
  return lines.slice(first)
}

interface Window {
  readonly text: string
  readonly glyphs: readonly Glyph[]
  readonly columnsBefore: number
}

const clip = (all: readonly Glyph[], offset: number): Window => {
  const total = all.reduce((sum, glyph) => sum + glyph.columns, 0)
  const at = all.findIndex((glyph) => glyph.offset >= offset)
  const markAt = at === -1 ? all.length : at
  const before = all.slice(0, markAt).reduce((sum, glyph) => sum + glyph.columns, 0)
  const from = total <= maxColumns || before <= maxColumns - leadColumns ? 0 : Math.max(0, markAt - leadColumns)
  const kept: Glyph[] = []
  let columns = from === 0 ? 0 : 1
  for (const glyph of all.slice(from)) {
    if (columns + glyph.columns > maxColumns) break
    kept.push(glyph)
    columns += glyph.columns
  }
  const cutEnd = from + kept.length < all.length
  return {
    text: `${from === 0 ? '' : '…'}${kept.map((glyph) => glyph.text).join('')}${cutEnd ? '…' : ''}`,
    glyphs: kept,
    columnsBefore: (from === 0 ? 0 : 1) + all.slice(from, markAt).reduce((sum, glyph) => sum + glyph.columns, 0),
  }
}

const columnsBetween = (shown: readonly Glyph[], from: number, to: number): number =>
  shown.reduce((sum, glyph) => (glyph.offset >= from && glyph.offset < to ? sum + glyph.columns : sum), 0)
