import { maskCharacter } from '../../values/credentials.ts'

/** East Asian wide and full-width forms, and pictures: two columns on a terminal. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u
const zeroWidth = /^[\p{Mark}\p{Cf}]+$/u
const plain = /^[\x20-\x7e]*$/

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

const tabColumns = 4

/** What a reader sees as one character, with the columns that it takes. */
export interface Glyph {
  readonly text: string
  readonly columns: number
  /** Offset in UTF-16 units within the line. */
  readonly offset: number
}

/** A line as a terminal shows it: tabs as spaces, control characters visible and harmless, masked secrets as `***`. */
export const glyphs = (line: string): Glyph[] => {
  if (plain.test(line)) return Array.from(line, (text, offset) => ({ text, columns: 1, offset }))
  const result: Glyph[] = []
  let column = 0
  for (const { segment, index } of segmenter.segment(line)) {
    const text = segment === maskCharacter ? (line[index - 1] === maskCharacter ? '' : '***') : shown(segment, column)
    const columns = text === segment ? columnsOf(segment) : text.length
    result.push({ text, columns, offset: index })
    column += columns
  }
  return result
}

const shown = (segment: string, column: number): string => {
  if (segment === '\t') return ' '.repeat(tabColumns - (column % tabColumns))
  if (/^[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\u200b-\u200f]/u.test(segment)) return `\\u{${(segment.codePointAt(0) ?? 0).toString(16)}}`
  return segment
}

const columnsOf = (segment: string): number => (zeroWidth.test(segment) ? 0 : wide.test(segment) ? 2 : 1)
