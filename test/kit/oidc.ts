import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import type { JWK } from 'jose'
import { Provider } from 'oidc-provider'
import type { ClientMetadata, Configuration } from 'oidc-provider'
import { freePort } from './servers.ts'

/** The certified oidc-provider in this process, with clients that come and go without a person: who asks to sign in is signed in. */
export interface OidcServer {
  /** `http://127.0.0.1:port`; discovery at `/.well-known/openid-configuration`. */
  readonly issuer: string
  readonly port: number
  /** Paths without query, in the order of their arrival: how often `/jwks` was fetched. */
  requests(): readonly string[]
  /**
   * Follows the redirects of an authorization address as a browser would, and signs in as `account`.
   * @returns Where the browser is sent to in the end, which is not visited: `redirect_uri` with `code` and `state`, or with `error`.
   */
  signIn(authorizationUrl: string, account: string): Promise<URL>
  /** Signs with a new key from now on. @param keepOld Whether the old one stays in the JWKS. */
  rotate(options?: { readonly keepOld?: boolean }): Promise<void>
  /** Refuses connections and ends those that there are. */
  kill(): Promise<void>
  /** At its port, with the same keys. */
  start(): Promise<void>
  /** Takes requests and answers none, until `thaw`, which answers those as well. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

export interface OidcOptions {
  readonly clients?: readonly ClientMetadata[]
  /** Who asks for this resource, or for a token of its own (`client_credentials`), gets a signed JWT for this audience. */
  readonly audience?: string
  /** More of its configuration; `ttl` in seconds. */
  readonly configuration?: Omit<Configuration, 'features'>
}

/** Client of authorization code, refresh token and client credentials. */
export const oidcClient = (redirectUri: string, over: Partial<ClientMetadata> = {}): ClientMetadata => ({
  client_id: 'headgate',
  client_secret: 'a-secret-of-the-tests-only',
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  response_types: ['code'],
  ...over,
})

export async function startOidc(options: OidcOptions = {}): Promise<OidcServer> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  let keys = [await signingKey(1)]
  let rotations = 1
  let provider = oidcProvider(issuer, keys, options)
  let handle = provider.callback()
  const requests: string[] = []
  let frozen: (() => void)[] | undefined
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    if (path.startsWith(interactions)) void finish(provider, request, response).catch(() => response.writeHead(500).end())
    else void handle(request, response)
  }
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push((request.url ?? '').split('?')[0] ?? '')
    if (frozen === undefined) answer(request, response)
    else frozen.push(() => answer(request, response))
  }
  let server: Server | undefined
  const start = async (): Promise<void> => {
    const started = createServer(take)
    await new Promise<void>((resolve, reject) => {
      started.once('error', reject)
      started.listen(port, '127.0.0.1', resolve)
    })
    server = started
  }
  const kill = async (): Promise<void> => {
    const running = server
    server = undefined
    frozen = undefined
    if (running === undefined) return
    const closed = new Promise((resolve) => running.close(resolve))
    running.closeAllConnections()
    await closed
  }
  const rotate: OidcServer['rotate'] = async ({ keepOld = false } = {}) => {
    rotations += 1
    keys = [await signingKey(rotations), ...(keepOld ? keys : [])]
    provider = oidcProvider(issuer, keys, options)
    handle = provider.callback()
  }
  await start()
  return {
    issuer,
    port,
    requests: () => requests,
    signIn: (authorizationUrl, account) => signIn(issuer, authorizationUrl, account),
    rotate,
    kill,
    start,
    freeze: () => {
      frozen = []
    },
    thaw: () => {
      const waiting = frozen ?? []
      frozen = undefined
      for (const go of waiting) go()
    },
    stop: kill,
  }
}

const interactions = '/interaction/'
/** Header in which the browser of the tests says who signs in. */
const accountHeader = 'x-test-account'

async function signingKey(number: number): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { ...(await exportJWK(privateKey)), kid: `key-${number}`, alg: 'RS256', use: 'sig' }
}

function oidcProvider(issuer: string, keys: readonly JWK[], { clients = [], audience, configuration }: OidcOptions): Provider {
  const scope = 'api:read api:write'
  const features: Configuration['features'] = {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    ...(audience === undefined
      ? {}
      : {
          resourceIndicators: {
            enabled: true,
            defaultResource: (ctx) => (ctx.oidc.params?.['grant_type'] === 'client_credentials' ? audience : []),
            getResourceServerInfo: () => ({ scope, audience, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
          },
        }),
  }
  return new Provider(issuer, {
    clients: [...clients],
    jwks: { keys: [...keys] },
    cookies: { keys: ['for the tests only'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    scopes: ['openid', 'offline_access', 'email', 'profile', ...scope.split(' ')],
    conformIdTokenClaims: false,
    // Otherwise it writes a notice for each kind.
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      ClientCredentials: 600,
      Grant: 3600,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
    pkce: { required: () => false },
    issueRefreshToken: (_ctx, client) => Promise.resolve(client.grantTypeAllowed('refresh_token')),
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@example.com`, email_verified: true, name: sub }),
    }),
    interactions: { url: (_ctx, { uid }) => `${interactions}${uid}` },
    // Everybody has agreed to everything.
    loadExistingGrant: async (ctx) => {
      const { client, session, requestParamScopes, provider } = ctx.oidc
      if (client === undefined || session?.accountId === undefined) return undefined
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope([...requestParamScopes].join(' '))
      if (audience !== undefined) grant.addResourceScope(audience, scope)
      await grant.save()
      return grant
    },
    ...configuration,
    features,
  })
}

/** Signs in whoever the header names; a request without it ends in `access_denied`, as when a person gives up. */
async function finish(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const account = request.headers[accountHeader]
  const given = typeof account === 'string' && account !== ''
  await provider.interactionFinished(request, response, given ? { login: { accountId: account } } : { error: 'access_denied' })
}

const mostRedirects = 10

async function signIn(issuer: string, authorizationUrl: string, account: string): Promise<URL> {
  const cookies = new Map<string, string>()
  let next = new URL(authorizationUrl)
  for (let step = 0; step < mostRedirects; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(next, { redirect: 'manual', headers: { cookie, [accountHeader]: account } })
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=', 2)
      cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location === null) throw new Error(`${answer.status} at ${next.pathname}: ${(await answer.text()).slice(0, 500)}`)
    next = new URL(location, next)
    if (next.origin !== issuer) return next
  }
  throw new Error(`more than ${mostRedirects} redirects`)
}
