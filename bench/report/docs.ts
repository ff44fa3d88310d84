import { readFileSync, writeFileSync } from 'node:fs'

const begin = '<!-- bench:begin -->'
const end = '<!-- bench:end -->'

/** Puts `text` between the markers of a Markdown document. Throws when it has none. */
export const replaceBetweenMarkers = (document: string, text: string): string => {
  const from = document.indexOf(begin)
  const to = document.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the document has no ${begin} ... ${end}`)
  return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`
}

export const writeDocument = (file: string, text: string): void => {
  writeFileSync(file, replaceBetweenMarkers(readFileSync(file, 'utf8'), text))
}
