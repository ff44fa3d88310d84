import { ProviderFailure } from '../../gateway/plugin.ts'

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
