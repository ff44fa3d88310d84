import type { JsonTemplate, JsonValue, RouteConfig } from '../../config/model.ts'
import { compileTemplate } from '../../config/templates/template.ts'
import { GatewayError } from '../errors.ts'
import { wholeBody } from './body-intake.ts'
import type { Exchange } from './exchange.ts'
import { formBody } from './form-body.ts'
import { pathParams } from './route-table.ts'

/** Names that the template of a request may use. */
const variables = ['body', 'params', 'query', 'headers', 'key'] as const

/** @throws {GatewayError} BAD_REQUEST (no JSON), OPERATION_INPUT_INVALID (the template does not fit the request), BODY_TOO_LARGE, CLIENT_GONE */
export type OperationInput = (exchange: Exchange, key: string | undefined) => Promise<JsonValue>

/** Compiles how a request becomes the input of an operation or flow: by its template, or its JSON body with the parameters of the path. */
export function operationInput(config: RouteConfig, template: JsonTemplate | undefined, now: () => number): OperationInput {
  const fill = template === undefined ? undefined : compileTemplate(template, variables)
  return async (exchange, key) => {
    const body = readBody(await wholeBody(exchange, config.maxBodyBytes, now), exchange.req.headers['content-type'])
    const params = decodedParams(config, exchange.path)
    if (fill === undefined) return plainInput(body, params, exchange)
    const values = { body: body ?? null, params, query: queryOf(exchange), headers: headersOf(exchange), key: key ?? '' }
    try {
      return fill(values)
    } catch (error) {
      throw new GatewayError('OPERATION_INPUT_INVALID', {
        detail: error instanceof Error ? error.message : 'The request does not fit.',
        cause: error,
      })
    }
  }
}

/** Parameters of the path stand over fields of the body: the path is what the rule has matched. */
function plainInput(body: JsonValue | undefined, params: Record<string, string>, exchange: Exchange): JsonValue {
  if (body === undefined) return { ...queryOf(exchange), ...params }
  if (Object.keys(params).length === 0) return body
  if (!isObject(body)) throw new GatewayError('BAD_REQUEST', { detail: 'The body must be a JSON object.' })
  return { ...body, ...params }
}

const isObject = (value: JsonValue): value is { readonly [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @returns Undefined for an empty body. */
function readBody(bytes: Buffer, contentType = 'application/json'): JsonValue | undefined {
  if (bytes.length === 0) return undefined
  if (/^application\/(?:[^;]+\+)?json\s*(?:;|$)/i.test(contentType)) return jsonBody(bytes)
  const form = /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(contentType) ? formBody(bytes.toString('latin1')) : undefined
  if (form === undefined) throw new GatewayError('BAD_REQUEST', { detail: 'The body must be JSON (`content-type: application/json`) or a form.' })
  return form
}

function jsonBody(bytes: Buffer): JsonValue {
  try {
    return JSON.parse(utf8.decode(bytes), withoutPrototype) as JsonValue
  } catch {
    throw new GatewayError('BAD_REQUEST', { detail: 'The body is not JSON.' })
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** `__proto__` is a name like any other in JSON, and a trap once such an object is copied. */
const withoutPrototype = (key: string, value: unknown): unknown => (key === '__proto__' ? undefined : value)

function decodedParams({ match }: RouteConfig, path: string): Record<string, string> {
  const params: Record<string, string> = {}
  for (const [name, value] of Object.entries(pathParams(match, path))) params[name] = decoded(value)
  return params
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new GatewayError('BAD_REQUEST', { detail: 'The path is not UTF-8.' })
  }
}

/** Of parameters that stand several times, the first one. */
function queryOf({ query }: Exchange): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(query.startsWith('?') ? query.slice(1) : query)) {
    if (!Object.hasOwn(found, name) && name !== '__proto__') found[name] = value
  }
  return found
}

function headersOf({ req }: Exchange): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(req.headers)) if (value !== undefined) found[name] = Array.isArray(value) ? value.join(', ') : value
  return found
}
