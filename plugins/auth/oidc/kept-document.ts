import { singleFlight } from './single-flight.ts'

export interface KeptDocumentOptions<T> {
  fetch(signal: AbortSignal): Promise<T>
  /** How long a copy is used without asking. */
  readonly freshMs: number
  /** How long after that it is used while the provider cannot be asked. */
  readonly staleMs: number
  /** Shortest time between two questions that an old copy or a strange token gives rise to. */
  readonly cooldownMs: number
  /** Longest wait for a new copy where there is an old one. */
  readonly refreshTimeoutMs: number
  now(): number
  onStale(error: unknown): void
}

export interface Copy<T> {
  readonly value: T
  readonly fetchedAtMs: number
  /** The provider could not be asked for a newer one. */
  readonly stale: boolean
}

export interface KeptDocument<T> {
  /** @throws {ProviderFailure} when there is no copy that may be used, and none to be had. */
  get(signal: AbortSignal): Promise<Copy<T>>
  /** Fetches anew whatever the age. @throws {ProviderFailure} */
  fetch(signal: AbortSignal): Promise<Copy<T>>
  /**
   * A copy that is newer than one that lacks something; undefined when the provider was asked for one less than a cooldown ago.
   * @throws {ProviderFailure} when the provider cannot be asked, `Held` when it could not be asked less than a cooldown ago.
   */
  renew(seen: Copy<T>, signal: AbortSignal): Promise<Copy<T> | undefined>
}

/** The provider was away a moment ago; it is not asked again so soon. */
export class Held extends Error {}

/** A document of the provider that changes seldom and is needed always. In memory, of this process. */
export const keptDocument = <T>(options: KeptDocumentOptions<T>): KeptDocument<T> => {
  const { freshMs, staleMs, cooldownMs, refreshTimeoutMs, now } = options
  let copy: { readonly value: T; readonly fetchedAtMs: number } | undefined
  let failedAtMs = Number.NEGATIVE_INFINITY
  let renewedAtMs = Number.NEGATIVE_INFINITY
  let renewalFailed = false
  let renewing = 0
  const fetch = singleFlight(async (signal) => {
    const value = await options.fetch(signal)
    copy = { value, fetchedAtMs: now() }
    failedAtMs = Number.NEGATIVE_INFINITY
    return { ...copy, stale: false }
  })
  const usable = (): Copy<T> | undefined =>
    copy !== undefined && now() - copy.fetchedAtMs < freshMs + staleMs ? { ...copy, stale: true } : undefined

  const get: KeptDocument<T>['get'] = async (signal) => {
    if (copy !== undefined && now() - copy.fetchedAtMs < freshMs) return { ...copy, stale: false }
    const old = usable()
    if (old === undefined) return fetch(signal)
    if (now() - failedAtMs < cooldownMs) return old
    try {
      return await fetch(AbortSignal.any([signal, AbortSignal.timeout(refreshTimeoutMs)]))
    } catch (error) {
      failedAtMs = now()
      options.onStale(error)
      return old
    }
  }
  const renew: KeptDocument<T>['renew'] = async (seen, signal) => {
    if (copy !== undefined && copy.value !== seen.value) return { ...copy, stale: false }
    if (renewing === 0 && now() - renewedAtMs < cooldownMs) {
      if (renewalFailed) throw new Held('The provider was not asked again so soon')
      return undefined
    }
    renewing += 1
    try {
      const newer = await fetch(signal)
      renewalFailed = false
      return newer
    } catch (error) {
      renewalFailed = true
      throw error
    } finally {
      renewing -= 1
      renewedAtMs = now()
    }
  }
  return { get, fetch, renew }
}
