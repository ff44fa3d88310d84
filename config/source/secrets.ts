import { type CST, Parser } from 'yaml'
import { noAdapters } from '../providers.ts'
import { maskCharacter, withoutCredentials } from '../values/credentials.ts'
import { below, isSecretPlace, type Place, type SecretPlaces, secretPlaces } from './secret-places.ts'
import { isContainer, type Mapping } from './value.ts'

/** A file as it may be shown: secrets and the credentials of URLs masked, everything else at its place. */
export const maskedText = (text: string, places: SecretPlaces = ownPlaces): string => {
  const spans = [...text.matchAll(credentials)].map((match) => span(match.index + match[0].length - 1, match[1] ?? match[2] ?? ''))
  if (sections.test(text) || [...places.names].some((key) => text.includes(key))) spans.push(...secretSpans(text, places))
  if (spans.length === 0) return text
  const pieces: string[] = []
  let end = 0
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    if (to <= end) continue
    const start = Math.max(from, end)
    pieces.push(text.slice(end, start), text.slice(start, to).replace(/\$\{env:\w+\}|\$\{secret:[\w.#-]+\}|[^\r\n]/g, masked))
    end = to
  }
  return [...pieces, text.slice(end)].join('')
}

/** Where keys are secret that are none elsewhere; reading the tokens of a large file takes time. */
const sections = /\b(?:integrations|alerts|state)["']?\s*:/

const ownPlaces = secretPlaces(noAdapters, undefined)

/** `://user:password@`, and `user:password@` where the scheme is missing. */
const credentials = /:\/\/([^\s"']+)@|(?<=^|[\s"'[,])([^\s"'[\],:@/{]+:(?!\/\/)[^\s"'@]+)@/gm

/** A reference without a default says nothing. */
const masked = (part: string): string => (part.length > 1 && part.startsWith('$') ? part : maskCharacter)

const span = (end: number, text: string): Span => [end - text.length, end]

type Span = readonly [from: number, to: number]

/** Values at secret places, and what their aliases stand for. Works on tokens, so that texts which are not quite YAML are masked too. */
const secretSpans = (text: string, places: SecretPlaces): Span[] => {
  const tokens = [...new Parser().parse(text)]
  const { spans, damaged } = spansOf(tokens, (place) => isSecretPlace(places, place))
  // Where the structure is in doubt, every key that can hold a secret is taken for one.
  return damaged ? [...spans, ...spansOf(tokens, ({ key }) => places.suspects.has(key)).spans] : spans
}

/** `inside`: of something that is masked as a whole. */
type Secrecy = 'no' | 'whole' | 'inside'

/** Aliases may send the walk over the same tokens again and again. */
const maxVisits = 200_000

const isOwnSection = (place: Place | undefined): boolean => {
  let top = place
  while (top?.parent !== undefined) top = top.parent
  return top !== undefined && !top.key.startsWith('x-')
}

const spansOf = (tokens: readonly CST.Token[], isSecret: (place: Place) => boolean): { spans: Span[]; damaged: boolean } => {
  const spans: Span[] = []
  const anchored = new Map<string, CST.Token>()
  const aliases: { readonly name: string; readonly place: Place | undefined; readonly secret: boolean }[] = []
  let damaged = false
  let visits = 0
  const walk = (start: CST.Token, at: Place | undefined, secret: Secrecy): void => {
    const open: { readonly token: CST.Token; readonly at: Place | undefined; readonly secret: Secrecy }[] = [{ token: start, at, secret }]
    for (let next = open.pop(); next !== undefined && visits < maxVisits; next = open.pop()) {
      visits += 1
      const { token } = next
      if (token.type === 'error') damaged = true
      if (token.type === 'document' && token.value) open.push({ ...next, token: token.value })
      if (token.type === 'alias') aliases.push({ name: token.source.slice(1), place: next.at, secret: next.secret !== 'no' })
      else if (next.secret === 'whole') spans.push(spanOf(token))
      if (!('items' in token)) continue
      for (const item of token.items) {
        const place = placeOf(item, next.at)
        const isHere = next.secret !== 'no' ? 'inside' : place !== undefined && place !== next.at && isSecret(place) ? 'whole' : 'no'
        for (const name of anchorsOf(item)) if (item.value) anchored.set(name, item.value)
        if (item.value) open.push({ token: item.value, at: place, secret: isHere })
        if (item.key && 'items' in item.key) open.push({ token: item.key, at: next.at, secret: next.secret })
      }
    }
  }
  for (const token of tokens) walk(token, undefined, 'no')
  const seen = new Set<string>()
  // It grows while it is walked: what an alias stands for may hold others. Outside of all sections only what is secret itself matters.
  for (const { name, place, secret } of aliases) {
    const token = anchored.get(name)
    const key = secret ? name : `${name} ${placeText(place)}`
    if (token === undefined || seen.has(key) || !(secret || isOwnSection(place))) continue
    seen.add(key)
    walk(token, place, secret ? 'whole' : 'no')
  }
  return { spans, damaged: damaged || visits >= maxVisits }
}

const placeText = (place: Place | undefined): string => {
  const keys: string[] = []
  for (let at = place; at !== undefined; at = at.parent) keys.push(at.key)
  return keys.join('/')
}

/** A merge key stands for the keys of what it names. */
const placeOf = ({ key, sep }: CST.CollectionItem, parent: Place | undefined): Place | undefined => {
  if (key && 'source' in key) return key.source === '<<' ? parent : below(parent, key.source.replace(/^["']|["']$/g, ''))
  return sep === undefined ? below(parent, '*') : parent
}

const anchorsOf = ({ start, sep = [] }: CST.CollectionItem): string[] =>
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

/** Texts at secret places, to be recognised where else they stand, such as at the anchor that they were taken from. */
export const secretTexts = (root: Mapping, places: SecretPlaces): ReadonlySet<unknown> => {
  const found = new Set<unknown>()
  const visit = (value: unknown, at: Place | undefined): void => {
    if (!isContainer(value)) {
      if (at !== undefined && isSecretPlace(places, at)) found.add(value)
      return
    }
    for (const [key, item] of Object.entries(value)) visit(item, below(at, key))
  }
  visit(root, undefined)
  return found
}

/** A scalar as it may be printed. @param written What stands in the file in place of `value`, with references. */
export const shownScalar = (isSecret: boolean, value: unknown, written: string | undefined, secrets: ReadonlySet<unknown>): unknown => {
  const shown = written ?? value
  if (isSecret || secrets.has(value))
    return written === undefined ? '***' : written.replace(/\$\{secret:[\w.#-]+\}|(\$\{env:\w+)(?::-[^}]*)?\}|[^$]+|\$/g, maskedPart)
  return typeof shown === 'string' ? withoutCredentials(shown) : shown
}

/** References stay, without their defaults. */
const maskedPart = (part: string, reference: string | undefined): string =>
  part.startsWith('${secret:') ? part : reference === undefined ? '***' : part.includes(':-') ? `${reference}:-***}` : `${reference}}`
