import type { Adapter } from '../../../gateway/plugin.ts'
import { oidcAdapter } from '../oidc/adapter.ts'

/** `base_url` is the domain of the organisation, `https://ORGANISATION.okta.com`; the authorization server decides on the audience. */
export const adapter: Adapter = oidcAdapter(
  { type: 'okta', summary: 'Signs people in and checks tokens at Okta.', tokenUrl: '/oauth2/default/v1/token' },
  {
    audience: 'api://default',
    audienceParameter: 'none',
    clientAuthentication: 'client_secret_basic',
    settings: {
      authorization_server: {
        type: 'string',
        pattern: '^[A-Za-z0-9_-]{1,100}$',
        default: 'default',
        description: 'Id of the authorization server; `org` for that of the organisation, whose access tokens are for Okta alone.',
      },
    },
    issuerPath: ({ authorization_server: server }) => (typeof server !== 'string' || server === 'org' ? '' : `/oauth2/${server}`),
  },
)
