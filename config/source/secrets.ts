import { type CST, Parser } from 'yaml'
import { mapSchema, rootSchema } from '../validate/schema-node.ts'
import { maskCharacter, withoutCredentials } from '../values/credentials.ts'
import { isContainer, isMapping, type Mapping } from './value.ts'

/** Keys whose values are never shown, wherever they stand: those that the schema marks `writeOnly`. */
const secretKeys: ReadonlySet<string> = (() => {
  const keys = new Set<string>()
  mapSchema(rootSchema, (node) => {
    for (const [name, property] of Object.entries(node.properties ?? {})) if (property.writeOnly === true) keys.add(name)
    return node
  })
  return keys
})()

/** A file as it may be shown: secrets and the credentials of URLs masked, everything else at its place. */
export const maskedText = (text: string): string => {
  const spans = [...text.matchAll(credentials)].map((match) => span(match.index + match[0].length - 1, match[1] ?? match[2] ?? ''))
  if ([...secretKeys].some((key) => text.includes(key))) spans.push(...secretSpans(text))
  if (spans.length === 0) return text
  const pieces: string[] = []
  let end = 0
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    if (to <= end) continue
    const start = Math.max(from, end)
    pieces.push(text.slice(end, start), text.slice(start, to).replace(/\$\{env:\w+\}|[^\r\n]/g, masked))
    end = to
  }
  return [...pieces, text.slice(end)].join('')
}

/** `://user:password@`, and `user:password@` where the scheme is missing. */
const credentials = /:\/\/([^\s"']+)@|(?<=^|[\s"'[,])([^\s"'[\],:@/{]+:(?!\/\/)[^\s"'@]+)@/gm

/** A reference without a default says nothing. */
const masked = (part: string): string => (part.length > 1 && part.startsWith('$') ? part : maskCharacter)

const span = (end: number, text: string): Span => [end - text.length, end]

type Span = readonly [from: number, to: number]

/** Values of secret keys, and what their aliases stand for. Works on tokens, so that texts which are not quite YAML are masked too. */
const secretSpans = (text: string): Span[] => {
  const items = collectionItems(text)
  const secrets = items.filter(({ key }) => key && 'source' in key && secretKeys.has(key.source.replace(/^["']|["']$/g, '')))
  const aliases = new Set(secrets.flatMap(({ value }) => (value?.type === 'alias' ? [value.source.slice(1)] : [])))
  const anchored = items.filter((item) => anchors(item).some((name) => aliases.has(name)))
  return [...secrets, ...anchored].flatMap(({ value }) => (value && value.type !== 'alias' ? [spanOf(value)] : []))
}

const anchors = ({ start, sep = [] }: CST.CollectionItem): string[] =>
  [...start, ...sep].flatMap(({ type, source }) => (type === 'anchor' ? [source.slice(1)] : []))

const spanOf = (token: CST.Token): Span => {
  if (token.type === 'double-quoted-scalar' || token.type === 'single-quoted-scalar')
    return [token.offset + 1, token.offset + token.source.length - (/.["']$/s.test(token.source) ? 1 : 0)]
  if ('source' in token) return [token.offset, token.offset + token.source.length + (token.type === 'block-scalar' ? headLength(token) : 0)]
  // A map or list where a text should be: all that is in it.
  const inner = 'items' in token ? token.items.flatMap(({ key, value }) => [...(key ? [spanOf(key)] : []), ...(value ? [spanOf(value)] : [])]) : []
  return [token.offset, Math.max(token.offset, ...inner.map(([, to]) => to))]
}

/** The `|` or `>` and what follows it on its line. */
const headLength = ({ props }: CST.BlockScalar): number => props.reduce((length, prop) => length + ('source' in prop ? prop.source.length : 0), 0)

const collectionItems = (text: string): CST.CollectionItem[] => {
  const found: CST.CollectionItem[] = []
  const open: CST.Token[] = [...new Parser().parse(text)]
  for (let token = open.pop(); token !== undefined; token = open.pop()) {
    if (token.type === 'document' && token.value) open.push(token.value)
    if (!('items' in token)) continue
    for (const item of token.items) {
      found.push(item)
      if (item.value) open.push(item.value)
      if (item.key) open.push(item.key)
    }
  }
  return found
}

/** Values of secret keys, to be recognised where else they stand, such as at the anchor that they were taken from. */
export const secretTexts = (root: Mapping): ReadonlySet<unknown> => {
  const found = new Set<unknown>()
  const visit = (value: unknown): void => {
    if (!isContainer(value)) return
    for (const [key, item] of Object.entries(value)) {
      if (!isContainer(item) && isMapping(value) && secretKeys.has(key)) found.add(item)
      else visit(item)
    }
  }
  visit(root)
  return found
}

/** A scalar as it may be printed. @param written What stands in the file in place of `value`, with references to the environment. */
export const shownScalar = (key: string, value: unknown, written: string | undefined, secrets: ReadonlySet<unknown>): unknown => {
  const shown = written ?? value
  if (secretKeys.has(key) || secrets.has(value))
    return written === undefined ? '***' : written.replace(/(\$\{env:\w+)(?::-[^}]*)?\}|[^$]+|\$/g, maskedPart)
  return typeof shown === 'string' ? withoutCredentials(shown) : shown
}

/** References stay, without their defaults. */
const maskedPart = (part: string, reference: string | undefined): string =>
  reference === undefined ? '***' : part.includes(':-') ? `${reference}:-***}` : `${reference}}`
