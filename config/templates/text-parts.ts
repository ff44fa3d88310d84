/** What a text with expressions in double braces is made of. */
export type TextPart = { readonly literal: string } | { readonly expression: string }

/**
 * Divides a text at its `{{ expressions }}`. Braces and quotes within an expression are its own; `}}` outside is plain text.
 * @throws Error where an expression does not end.
 */
export const textParts = (text: string): readonly TextPart[] => {
  const parts: TextPart[] = []
  let at = 0
  for (;;) {
    const start = text.indexOf('{{', at)
    if (start === -1) break
    if (start > at) parts.push({ literal: text.slice(at, start) })
    const end = expressionEnd(text, start + 2)
    parts.push({ expression: text.slice(start + 2, end).trim() })
    at = end + 2
  }
  if (at < text.length) parts.push({ literal: text.slice(at) })
  return parts
}

/** Where the `}}` of an expression stands. */
const expressionEnd = (text: string, from: number): number => {
  let depth = 0
  let at = from
  while (at < text.length) {
    const char = text.charAt(at)
    if (char === '"' || char === "'") {
      at = quoteEnd(text, at)
      continue
    }
    if (char === '{') depth += 1
    else if (char === '}') {
      if (depth === 0 && text.charAt(at + 1) === '}') return at
      depth = Math.max(0, depth - 1)
    }
    at += 1
  }
  throw new Error('an expression begins with `{{` and does not end with `}}`')
}

const quoteEnd = (text: string, from: number): number => {
  const quote = text.startsWith(text.charAt(from).repeat(3), from) ? text.charAt(from).repeat(3) : text.charAt(from)
  let at = from + quote.length
  while (at < text.length) {
    if (text.startsWith(quote, at)) return at + quote.length
    at += text.charAt(at) === '\\' ? 2 : 1
  }
  throw new Error('a text within an expression has no closing quote')
}
