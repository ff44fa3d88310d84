import { type AdapterContext, type Json, ProviderFailure, type ProviderRequest } from '../../../gateway/plugin.ts'
import { pathTemplate } from './path.ts'
import type { RequestSettings, Templates } from './settings.ts'

type Compile = AdapterContext['template']

/** What templates of requests may use. */
export interface RequestValues {
  readonly input: Json
  /** Names the intent: the same for each repetition. */
  readonly key: string
}

type Prepared = Pick<ProviderRequest, 'method' | 'path' | 'query' | 'headers' | 'json' | 'form' | 'body'>

const variables = ['input', 'key'] as const
/** The gateway's own. */
const ownHeaders = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'te', 'trailer', 'expect', 'keep-alive'])

/**
 * @throws Error with a sentence for the author of the configuration; what is returned throws a `ProviderFailure` where the input does not fit:
 * nothing is sent then.
 */
export const requestTemplate = (settings: RequestSettings, compile: Compile): ((values: RequestValues) => Prepared) => {
  const { method, body, form, content_type: contentType } = settings
  if (body !== undefined && form !== undefined) throw new Error('a request has a `body` or a `form`, not both')
  if ((body !== undefined || form !== undefined) && (method === 'GET' || method === 'HEAD')) throw new Error(`${method} takes no body`)
  checkHeaderNames(Object.keys(settings.headers ?? {}))
  const fillPath = at('path', () => pathTemplate(settings.path, compile, variables))
  const fillQuery = fields('query', settings.query, compile)
  const fillHeaders = fields('headers', settings.headers, compile)
  const fillForm = fields('form', form, compile)
  const fillBody = body === undefined ? undefined : at('body', () => compile(body, variables))
  const isText = contentType !== undefined && !/[/+]json\b/.test(contentType)
  return (values) => {
    try {
      const path = fillPath({ ...values })
      const query = Object.fromEntries(fillQuery(values).flatMap(([name, value]) => scalar('query', name, value)))
      const headers = Object.fromEntries(fillHeaders(values).flatMap(([name, value]) => header(name, value)))
      const typed = contentType === undefined ? headers : { ...headers, 'content-type': contentType }
      const common = { method, path, query, headers: typed }
      if (form !== undefined) return { ...common, form: formOf(fillForm(values)) }
      if (fillBody === undefined) return common
      const filled = fillBody({ ...values })
      if (!isText) return { ...common, json: filled }
      if (typeof filled !== 'string') throw new Error(`the body is no text, as ${contentType} demands`)
      return { ...common, body: filled }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new ProviderFailure('invalid_request', `The input does not fill the request: ${why}`, { executed: 'no', cause })
    }
  }
}

/** @throws Error for headers that are not for authors. */
export const checkHeaderNames = (names: readonly string[]): void => {
  const own = names.find((name) => ownHeaders.has(name.toLowerCase()))
  if (own !== undefined) throw new Error(`the header ${own} belongs to the connection and cannot be set`)
}

/** Says where in the settings it is that something is wrong. */
export const at = <T>(place: string, run: () => T): T => {
  try {
    return run()
  } catch (cause) {
    throw new Error(`${place}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

const fields = (
  place: string,
  source: Templates | undefined,
  compile: Compile,
): ((values: RequestValues) => readonly (readonly [string, Json])[]) => {
  if (source === undefined) return () => []
  const fill = at(place, () => compile(source, variables))
  return (values) => {
    const filled = fill({ ...values })
    return typeof filled === 'object' && filled !== null ? Object.entries(filled) : []
  }
}

const scalar = (place: string, name: string, value: Json): readonly (readonly [string, string])[] => {
  if (value === null) return []
  if (typeof value === 'object') throw new Error(`${place}.${name} is no text and no number`)
  return [[name, String(value)]]
}

const header = (name: string, value: Json): readonly (readonly [string, string])[] =>
  scalar('headers', name, value).map(([own, text]) => {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) throw new Error(`headers.${name} has characters that a header cannot carry`)
    return [own.toLowerCase(), text]
  })

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

const formOf = (entries: readonly (readonly [string, Json])[]): URLSearchParams =>
  new URLSearchParams(
    entries.flatMap(([name, value]) => (isList(value) ? value : [value]).flatMap((item) => scalar('form', name, item).map((pair) => [...pair]))),
  )
