import { stripVTControlCharacters } from 'node:util'

const plain = /^[\u0020-\u007e]*$/
// Terminals draw these over the character before them, or not at all.
const zeroWidth = /^[\p{Mark}\p{Cf}]+$/u
// East Asian wide and full-width forms, and emoji: two columns.
const wide = /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

const characterWidth = (character: string): number => {
  if (zeroWidth.test(character)) return 0
  return wide.test(character) ? 2 : 1
}

/** Columns that `text` takes on a terminal; colours take none. */
export const textWidth = (text: string): number => {
  const bare = stripVTControlCharacters(text)
  if (plain.test(bare)) return bare.length
  let width = 0
  for (const { segment } of segmenter.segment(bare)) width += characterWidth(segment)
  return width
}

/** `text` without colours, cut to `width` columns; a cut shows as `…`. */
export const clipped = (text: string, width: number): string => {
  if (textWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of segmenter.segment(text)) {
    const more = characterWidth(segment)
    if (used + more > width - 1) break
    kept += segment
    used += more
  }
  return `${kept}…`
}

/** Control characters as visible escapes: text from a file must not steer the terminal. */
export const visible = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (character) => `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`)
