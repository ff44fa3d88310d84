/** Proves who calls. */
export interface ProviderAuth {
  /** @throws {ProviderFailure} when it cannot be proven now; nothing was sent then. */
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>
  /** Told that the provider did not accept what `headers` gave. @returns Whether another try may fare better. */
  refused(given: Readonly<Record<string, string>>): boolean
}
