/** Where a member of an object, or an element of an array, stands in the text. */
export interface JsonSpan {
  /** Name of the member; undefined for elements. */
  readonly name: string | undefined
  readonly start: number
  readonly end: number
}

/**
 * The members or elements of the outermost value, as places in the text: who passes them on as they were written changes neither long
 * numbers nor anything else.
 * @param text An object or array in JSON that has been parsed without an error; anything else gives nonsense.
 */
export function jsonSpans(text: string): readonly JsonSpan[] {
  const spans: JsonSpan[] = []
  let at = text.search(/[[{]/) + 1
  const named = text[at - 1] === '{'
  let depth = 0
  let start = at
  let name: string | undefined
  const add = (): void => {
    if (text.slice(start, at).trim() !== '') spans.push({ name, start, end: at })
    name = undefined
    start = at + 1
  }
  for (; depth >= 0; at += 1) {
    const char = text[at]
    if (char === undefined) return spans
    if (char === '"') at = endOfString(text, at)
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') {
      if (depth === 0) add()
      depth -= 1
    } else if (depth === 0 && char === ',') add()
    else if (depth === 0 && char === ':' && named) {
      name = JSON.parse(text.slice(start, at)) as string
      start = at + 1
    }
  }
  return spans
}

/** Place of the closing quote. */
function endOfString(text: string, open: number): number {
  let at = open + 1
  while (text[at] !== '"' && at < text.length) at += text[at] === '\\' ? 2 : 1
  return at
}
