import { failureOfStatus, ProviderFailure } from '../../gateway/plugin.ts'
import type { FailureKind } from '../../gateway/plugin.ts'

/** Says of what failed that it had no effect: for requests that only read. */
export async function withoutEffect<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof ProviderFailure) || error.executed === 'no') throw error
    throw sameFailure(error, 'no')
  }
}

const sameFailure = (failure: ProviderFailure, executed: 'no'): ProviderFailure =>
  new ProviderFailure(failure.kind, failure.message, {
    executed,
    ...(failure.status === undefined ? {} : { status: failure.status }),
    ...(failure.code === undefined ? {} : { code: failure.code }),
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    cause: failure,
  })

/** Understood and refused, by the provider or on its behalf: nothing was done. */
export const refusal = (message: string, code: string): ProviderFailure => new ProviderFailure('rejected', message, { executed: 'no', code })

export const wrongInput = (message: string): ProviderFailure => new ProviderFailure('invalid_request', message, { executed: 'no' })

const lastWords: ReadonlySet<FailureKind> = new Set(['rejected', 'invalid_request', 'not_found'])

/**
 * What a status means without the provider's own words, as a proxy on the way answers it: this request did nothing, but it is no last word on the
 * payment, which an earlier attempt may have made.
 */
export function failureOfProxy(status: number): Pick<ProviderFailure, 'kind' | 'executed'> {
  const { kind, executed } = failureOfStatus(status)
  return { kind: lastWords.has(kind) ? 'invalid_response' : kind, executed }
}
