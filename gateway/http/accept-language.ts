import type { Tell } from '../integrations/operation.ts'

/** A text in one language, and the headers that say so. */
export interface Told {
  readonly text: string
  /** `content-language` and `vary`; empty where there is only one language. */
  readonly headers: readonly string[]
}

/**
 * The text in the language that the client likes best (RFC 9110, 12.5.4; lookup of RFC 4647, 3.4: `de-AT` finds `de`); the first one where it
 * likes none of them.
 * @param header `Accept-Language` as Node gives it. Never throws: what is not understood is ignored.
 */
export function told(tell: Tell | undefined, header: string | undefined): Told | undefined {
  const [first, ...others] = tell ?? []
  if (first === undefined) return undefined
  if (others.length === 0) return { text: first.text, headers: [] }
  const all = [first, ...others]
  const chosen =
    wishes(header)
      .map((wish) => best(all, wish))
      .find((found) => found !== undefined) ?? first
  return { text: chosen.text, headers: ['content-language', chosen.language, 'vary', 'accept-language'] }
}

/** Language ranges, the dearest first; those that are refused (`q=0`) are left out. */
function wishes(header: string | undefined): readonly string[] {
  return (header ?? '')
    .split(',', 50)
    .map((part) => {
      const [range = '', ...parameters] = part.split(';').map((text) => text.trim())
      const weight = parameters.map((text) => /^q=([01](?:\.\d{0,3})?)$/i.exec(text)?.[1]).find((text) => text !== undefined)
      return { range: range.toLowerCase(), weight: weight === undefined ? 1 : Number(weight) }
    })
    .filter(({ range, weight }) => range !== '' && weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ range }) => range)
}

/** `de-AT` is served by `de-at`, then `de`; `de` also by `de-DE`. */
function best(tell: Tell, wish: string): Tell[number] | undefined {
  if (wish === '*') return undefined
  for (let range = wish; range !== ''; range = range.slice(0, Math.max(0, range.lastIndexOf('-')))) {
    const found = tell.find(({ language }) => language.toLowerCase() === range)
    if (found !== undefined) return found
  }
  return tell.find(({ language }) => language.toLowerCase().startsWith(`${wish}-`))
}
