import type { Adapter } from '../../../gateway/plugin.ts'
import { oidcAdapter } from '../oidc/adapter.ts'

/** `base_url` is the domain of the tenant, `https://TENANT.eu.auth0.com`. Without an audience, Auth0's access tokens are opaque. */
export const adapter: Adapter = oidcAdapter(
  { type: 'auth0', summary: 'Signs people in and checks tokens at Auth0.', tokenUrl: '/oauth/token' },
  { audienceParameter: 'audience', clientAuthentication: 'client_secret_post' },
)
