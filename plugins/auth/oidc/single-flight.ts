import { ProviderFailure } from '../../../gateway/plugin.ts'

/**
 * Lets calls that come while one is under way share it. Who gives up leaves the others alone; the call ends when nobody waits any more.
 * @param run Without effect at the provider, so that giving up means that nothing has happened.
 */
export const singleFlight = <T>(run: (signal: AbortSignal) => Promise<T>): ((signal: AbortSignal) => Promise<T>) => {
  let flight: { readonly result: Promise<T>; readonly controller: AbortController; waiting: number } | undefined
  return (signal) => {
    if (signal.aborted) return Promise.reject(gaveUp())
    if (flight === undefined) {
      const controller = new AbortController()
      const result = run(controller.signal).finally(() => {
        if (flight?.controller === controller) flight = undefined
      })
      flight = { result, controller, waiting: 0 }
    }
    const joined = flight
    joined.waiting += 1
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => {
        joined.waiting -= 1
        if (joined.waiting === 0) {
          if (flight === joined) flight = undefined
          joined.controller.abort()
        }
        reject(gaveUp())
      }
      signal.addEventListener('abort', onAbort, { once: true })
      const settled = (): void => signal.removeEventListener('abort', onAbort)
      joined.result.finally(settled).then(resolve, reject)
    })
  }
}

const gaveUp = (): ProviderFailure => new ProviderFailure('timeout', 'No answer within the time limit', { executed: 'no' })
