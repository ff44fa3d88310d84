import { stripVTControlCharacters } from 'node:util'
import { glyphs } from '../../config/diagnostics/render/width.ts'

/** Columns that `text` takes on a terminal; colours take none. */
export const textWidth = (text: string): number => glyphs(stripVTControlCharacters(text)).reduce((width, { columns }) => width + columns, 0)

/** `text` without colours, cut to `width` columns; a cut shows as `…`. */
export const clipped = (text: string, width: number): string => {
  if (textWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const glyph of glyphs(text)) {
    if (used + glyph.columns > width - 1) break
    kept += glyph.text
    used += glyph.columns
  }
  return `${kept}…`
}

/** Control characters made visible: text from a file must not steer the terminal. */
export const visible = (text: string): string =>
  glyphs(text)
    .map((glyph) => glyph.text)
    .join('')
