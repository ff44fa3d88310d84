import { afterAll, describe, test } from 'vitest'
import type { Json } from '../../gateway/plugin.ts'
import { describeAdapter } from '../../gateway/testing/testing.ts'
import { adapter } from '../../plugins/auth/oidc/oidc.ts'
import { oidcClient, startOidc } from '../kit/oidc.ts'

const redirectUri = 'http://127.0.0.1:9/callback'

const server = await startOidc({ clients: [oidcClient(redirectUri)] })

type Call = (operation: string, input: Json) => Promise<Json>

/** A code that nobody has used, and what belongs to it. */
const grant = async (call: Call): Promise<Record<string, string>> => {
  const asked = (await call('authorize', { redirect_uri: redirectUri })) as Record<string, string>
  const { pathname, search } = new URL(asked['url'] ?? '')
  const code = (await server.signIn(`${server.issuer}${pathname}${search}`, 'ada')).searchParams.get('code') ?? ''
  const { nonce = '', code_verifier = '' } = asked
  return { grant_type: 'authorization_code', code, redirect_uri: redirectUri, nonce, code_verifier }
}

const tokens = async (call: Call): Promise<Record<string, string>> => (await call('token', await grant(call))) as Record<string, string>

describeAdapter(
  adapter,
  {
    start: async () => ({ baseUrl: server.issuer, close: () => server.stop() }),
    auth: { type: 'oauth2', client_id: 'headgate', client_secret: '${secret:login#secret}' },
    secrets: { 'login#secret': 'a-secret-of-the-tests-only' },
    // The suite stands in between: the issuer is at another address than `base_url`.
    settings: { issuer: server.issuer },
    examples: {
      authorize: { redirect_uri: redirectUri },
      token: grant,
      jwks: {},
      userinfo: async (call) => ({ access_token: (await tokens(call))['access_token'] ?? '' }),
      verify: async (call) => ({ token: (await tokens(call))['id_token'] ?? '' }),
      end_session: {},
    },
  },
  { describe, test, after: afterAll },
)
