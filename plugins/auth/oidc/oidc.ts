import type { Adapter } from '../../../gateway/plugin.ts'
import { oidcAdapter } from './adapter.ts'

/** Any provider of OpenID Connect whose endpoints are where its issuer is: Keycloak, ZITADEL, Dex, Entra ID. */
export const adapter: Adapter = oidcAdapter(
  { type: 'oidc', summary: 'Signs people in and checks tokens at any OpenID Connect provider.', tokenUrl: '/token' },
  { audienceParameter: 'resource', clientAuthentication: 'client_secret_basic' },
)
