import type { IntegrationConfig } from '../../config/model.ts'
import { ProviderFailure } from '../plugin.ts'
import type { Secrets } from '../secrets/secrets.ts'
import { oauthToken, type TokenRequest } from './provider-auth-oauth.ts'
import type { ProviderAuth } from './provider-proof.ts'

export interface AuthOptions {
  readonly auth: IntegrationConfig['auth']
  readonly secrets: Secrets
  /** Where tokens are fetched; required for `oauth2`. */
  readonly tokenUrl: URL | undefined
  /** Sends one request to `tokenUrl`. */
  readonly request: TokenRequest
  /** Milliseconds since the epoch. */
  now(): number
}

const fixed = (headers: () => Readonly<Record<string, string>>): ProviderAuth => ({ headers: async () => headers(), refused: () => false })

/** Secrets are revealed for each call, so that rotated ones count at once. */
export const providerAuth = ({ auth, secrets, tokenUrl, request, now }: AuthOptions): ProviderAuth => {
  const value = (name: string): string => {
    const text = auth[name]
    if (typeof text !== 'string') throw new ProviderFailure('unauthorized', `auth.${name} is missing`, { executed: 'no' })
    return revealed(secrets, text, `auth.${name}`)
  }
  switch (auth.type) {
    case 'none':
    case 'aws':
      return fixed(() => ({}))
    case 'bearer':
      return fixed(() => ({ authorization: `Bearer ${value('token')}` }))
    case 'api_key':
      return fixed(() => ({ [value('header').toLowerCase()]: value('key') }))
    case 'basic':
      return fixed(() => ({ authorization: basic(value('username'), value('password')) }))
    case 'oauth2': {
      if (tokenUrl === undefined) throw new Error('auth.token_url is missing')
      // RFC 6749, 2.3.1: both are form-encoded first.
      const credentials = (): string => basic(formEncoded(value('client_id')), formEncoded(value('client_secret')))
      const scope = auth['scope']
      return oauthToken({ request, credentials, scope: typeof scope === 'string' ? scope : undefined, now })
    }
  }
}

/** @throws {ProviderFailure} `internal`: a secret that is not there keeps the call from being sent. */
export const revealed = (secrets: Secrets, text: string, place: string): string => {
  try {
    return secrets.reveal(text)
  } catch (cause) {
    throw new ProviderFailure('internal', `The secret of ${place} is not there`, { executed: 'no', cause })
  }
}

const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

const formEncoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)
