import type { AdapterContext, Json } from '../../../gateway/plugin.ts'

type Compile = AdapterContext['template']
type Values = Readonly<Record<string, unknown>>

const expression = /\{\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"'{}])*)\}\}/g

/**
 * A path with expressions in double braces. Each value is percent-encoded, so that it stays within its segment; a whole segment of dots is
 * refused, because it would lead out of the path.
 * @throws Error with a sentence for the author of the configuration; what is returned throws where a value does not fit.
 */
export const pathTemplate = (source: string, compile: Compile, variables: readonly string[]): ((values: Values) => string) => {
  if (!source.startsWith('/')) throw new Error(`the path ${source} does not begin with /`)
  const pieces: ((values: Values) => string)[] = []
  let at = 0
  for (const match of source.matchAll(expression)) {
    pieces.push(literal(source.slice(at, match.index)), value(match[1] ?? '', compile, variables))
    at = match.index + match[0].length
  }
  pieces.push(literal(source.slice(at)))
  // With an ordinary value in place of each expression, what is left is what the author wrote.
  checkSegments(source.replaceAll(expression, 'x'))
  return (values) => {
    const path = pieces.map((piece) => piece(values)).join('')
    checkSegments(path)
    return path
  }
}

const literal = (text: string): (() => string) => {
  if (text.includes('{{')) throw new Error('an expression in the path has braces within it or does not end with }}')
  if (/[\s?#\\]/.test(text)) throw new Error('the path has spaces, `?`, `#` or a backslash: parameters belong into `query`')
  return () => text
}

const value = (source: string, compile: Compile, variables: readonly string[]): ((values: Values) => string) => {
  const fill = compile(`{{${source}}}`, variables)
  return (values) => {
    const found: Json = fill(values)
    if (typeof found === 'string' && found !== '') return encodeURIComponent(found.toWellFormed())
    if (typeof found === 'number' || typeof found === 'boolean') return String(found)
    throw new Error('a value of the path is empty, or is no text and no number')
  }
}

const checkSegments = (path: string): void => {
  if (path.startsWith('//') || path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment)))
    throw new Error('the path has segments that lead out of it')
}
