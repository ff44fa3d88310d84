import { hopByHop } from './hop-by-hop.ts'
import type { AnswerHeaders } from './upstream-answer.ts'

const ownConnection = new Set(hopByHop)

/** Headers of an upstream's answer that go on to the client, as a flat list: name in lower case, value, ... */
export function responseHeaders(headers: AnswerHeaders): string[] {
  const nominated = nominatedNames(headers['connection'])
  const result: string[] = []
  for (const name in headers) {
    if (ownConnection.has(name) || nominated?.has(name) === true) continue
    const value = headers[name]
    if (typeof value === 'string') result.push(name, value)
    else if (value !== undefined) for (const one of value) result.push(name, one)
  }
  return result
}

function nominatedNames(connection: string | string[] | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  const names = String(connection).toLowerCase().split(',')
  return new Set(names.map((name) => name.trim()).filter((name) => name !== 'content-length'))
}

// Fields that steer framing, routing, authentication or how the body is read (RFC 9110, section 6.5.1).
const forbiddenTrailers = new Set([
  ...hopByHop,
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'host',
  'authorization',
  'set-cookie',
  'cookie',
  'location',
  'cache-control',
  'expires',
  'age',
  'date',
  'vary',
  'retry-after',
  'www-authenticate',
])

/** Trailers that may follow the body to the client; undefined when none may. */
export function responseTrailers(trailers: AnswerHeaders | undefined): [string, string][] | undefined {
  if (trailers === undefined) return undefined
  const result: [string, string][] = []
  for (const name in trailers) {
    const value = trailers[name]
    if (value === undefined || forbiddenTrailers.has(name.toLowerCase())) continue
    for (const one of typeof value === 'string' ? [value] : value) result.push([name, one])
  }
  return result.length === 0 ? undefined : result
}
