import { STATUS_CODES } from 'node:http'
import type { ServerResponse } from 'node:http'
import { errorCatalogue } from '../errors.ts'
import type { GatewayError } from '../errors.ts'
import { problemSlug, problemTypeBase } from '../observe/problem.ts'

/** An answer of the admin listener, ready to be written. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export const text = (body: string, status = 200): Answer => ({ status, type: 'text/plain; charset=utf-8', body })

export const json = (value: object, status = 200): Answer => ({ status, type: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` })

/** RFC 9457. Without a type of its own a problem is "about:blank", and its title the phrase of its status. */
export const problemAnswer = (
  status: number,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
  headers?: Answer['headers'],
): Answer => ({
  status,
  type: 'application/problem+json',
  body: `${JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail, ...members }, null, 2)}\n`,
  ...(headers === undefined ? {} : { headers }),
})

/** An error of the catalogue, as the data plane would tell it, with `members` of the endpoint's own. */
export const gatewayProblem = (
  { code, status, detail, retryAfterSeconds }: GatewayError,
  members: Readonly<Record<string, unknown>> = {},
): Answer => {
  const { title } = errorCatalogue[code]
  return problemAnswer(
    status,
    detail ?? `${title}.`,
    { type: `${problemTypeBase}${problemSlug(code)}`, title, code, ...members },
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
  )
}

/** Writes `answer`; does nothing when the client has gone. */
export const respond = (response: ServerResponse, answer: Answer): void => {
  if (response.headersSent || response.destroyed) return
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...answer.headers,
  })
  response.end(answer.body)
}
