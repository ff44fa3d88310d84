import type { JsonValue, ResponseConfig } from '../../config/model.ts'
import { compileTemplate } from '../../config/templates/template.ts'
import { GatewayError, errorCatalogue } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { StoredFailure } from '../integrations/operation.ts'
import { problemContentType, problemSlug, problemTypeBase } from '../observe/problem.ts'
import type { Told } from './accept-language.ts'
import type { OwnAnswer } from './own-route.ts'

/** Answers of work that was done: the template of the rule, or the output as it is. */
export type DoneAnswer = (values: { readonly input: JsonValue; readonly output: JsonValue }, more: readonly string[]) => OwnAnswer

const doneVariables = ['output', 'input'] as const
const ownHeaders = ['content-type', 'application/json', 'cache-control', 'no-store'] as const

/** @throws {GatewayError} INTERNAL when the template does not fit the output: the work is done all the same. */
export function doneAnswer({ status, headers, body }: ResponseConfig): DoneAnswer {
  const fillBody = body === undefined ? undefined : compileTemplate(body, doneVariables)
  const fillHeaders = headers.map(([name, text]) => [name, compileTemplate(text, doneVariables)] as const)
  return (values, more) => {
    try {
      const own = fillHeaders.flatMap(([name, fill]) => [name, headerText(fill(values))])
      const json = fillBody === undefined ? values.output : fillBody(values)
      const all = own.includes('content-type') ? own : [...ownHeaders, ...own]
      return { status, headers: [...all, ...more], body: status === 204 || status === 304 ? '' : JSON.stringify(json) }
    } catch (error) {
      throw new GatewayError('INTERNAL', { cause: error })
    }
  }
}

/** What a provider says must not end a header and begin another one. */
const headerText = (value: JsonValue): string =>
  (typeof value === 'string' ? value : JSON.stringify(value)).replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, ' ')

/** Work that goes on by itself. */
export function pendingAnswer(
  pending: { readonly id: string; readonly state: string; readonly status: number; readonly retryAfterMs: number | undefined },
  statusPath: string,
  text: Told | undefined,
  more: readonly string[],
): OwnAnswer {
  const location = `${statusPath}/${pending.id}`
  const retryAfter = String(Math.max(1, Math.ceil((pending.retryAfterMs ?? 1000) / 1000)))
  const body = { id: pending.id, status: pending.state, ...(text && { message: text.text }), status_url: location }
  const headers = [...ownHeaders, 'location', location, 'retry-after', retryAfter, ...(text?.headers ?? []), ...more]
  return { status: pending.status, headers, body: JSON.stringify(body) }
}

export interface FailedWork {
  readonly code: ErrorCode
  readonly status: number
  readonly id: string
  readonly failure: StoredFailure | undefined
  readonly traceId: string
}

/** RFC 9457; of the failure its kind and the provider's code, because its words may tell of the inside. */
export function failedAnswer(failed: FailedWork, statusPath: string, text: Told | undefined, more: readonly string[]): OwnAnswer {
  const { code, status, id, failure, traceId } = failed
  const body = {
    type: `${problemTypeBase}${problemSlug(code)}`,
    title: errorCatalogue[code].title,
    status,
    code,
    ...(text && { detail: text.text }),
    ...(failure && { failure: failure.kind, ...(failure.code === undefined ? {} : { provider_code: failure.code }) }),
    id,
    status_url: `${statusPath}/${id}`,
    trace_id: traceId,
  }
  const retryAfterMs = failure?.retryAfterMs
  const retry =
    retryAfterMs === undefined || (status !== 429 && status !== 503) ? [] : ['retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000)))]
  const headers = [
    'content-type',
    problemContentType,
    'cache-control',
    'no-store',
    'x-trace-id',
    traceId,
    ...retry,
    ...(text?.headers ?? []),
    ...more,
  ]
  return { status, headers, body: JSON.stringify(body) }
}
