import type { JsonSchema, OperationDefinition } from '../../../gateway/plugin.ts'
import { maxTokenLength } from './token-check.ts'

const text = (description: string, maxLength = 2000): JsonSchema => ({ type: 'string', minLength: 1, maxLength, description })
const token = (description: string): JsonSchema => ({ ...text(description, maxTokenLength), pattern: '^[A-Za-z0-9._~+/=-]+$' })
const webUrl = (description: string): JsonSchema => ({ ...text(description), pattern: '^[A-Za-z][A-Za-z0-9+.-]*:' })

const object = (properties: Readonly<Record<string, JsonSchema>>, required: readonly string[], more: JsonSchema = {}): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required,
  properties,
  ...more,
})

const claims: JsonSchema = { type: 'object', description: 'What the provider says of the person or client.' }

const confirmed = object(
  {
    claims,
    session: { type: 'string', enum: ['provider', 'local'], description: '`local`: the provider is away, it said so at `verified_at`.' },
    verified_at: { type: 'string', description: 'When the provider, or its keys, confirmed it: RFC 3339.' },
  },
  ['claims', 'session', 'verified_at'],
)

const state = text('Comes back with the answer; made where absent.')
const nonce = text('Ties the ID token to this sign-in.')
const scope = text('Scopes, separated by spaces.', 1000)
const audience = text('API that the access token is for; `settings.audience` where absent.', 500)
const redirectUri = webUrl('Where the provider sends the browser back to.')

/** A read, or a computation of our own. */
const harmless = { idempotency: 'inherent', duplicates: 'tolerable' } as const
/** Tokens, codes and verifiers are not for the disk. */
const secret = { ephemeral: true } as const

const authorize: OperationDefinition = {
  summary: 'Address that a browser visits to sign in: authorization code with PKCE (S256). No call beside discovery.',
  ...harmless,
  ...secret,
  input: object(
    {
      redirect_uri: redirectUri,
      scope,
      state,
      nonce: { ...nonce, description: 'Ties the ID token to this sign-in; made where absent.' },
      prompt: text('`login`, `consent`, `select_account` or `none`.', 100),
      login_hint: text('Who is probably signing in.', 500),
      audience,
    },
    ['redirect_uri'],
  ),
  output: object(
    {
      url: text('Where to send the browser.', 16_384),
      state: text('Compare it with what comes back.'),
      nonce: text('Give it to `token`.'),
      code_verifier: text('Keep it in the session of this browser and give it to `token`.', 128),
    },
    ['url', 'state', 'nonce', 'code_verifier'],
  ),
}

const grant = (type: string, required: readonly string[]): JsonSchema => ({
  type: 'object',
  properties: { grant_type: { type: 'string', const: type } },
  required,
})

const tokenOperation: OperationDefinition = {
  summary: 'Tokens for an authorization code, for a refresh token, or for the client itself (kept until shortly before they expire).',
  // A code counts once, and many providers take a refresh token once: a second try makes them withdraw all tokens of the first
  // (RFC 6749, 4.1.2; RFC 9700, 4.14.2). Where the answer was lost the person signs in again, which parking for review would not spare them.
  idempotency: 'none',
  duplicates: 'tolerable',
  ...secret,
  input: object(
    {
      grant_type: {
        type: 'string',
        enum: ['authorization_code', 'refresh_token', 'client_credentials'],
        description: 'What the tokens are given for.',
      },
      code: text('Of the answer to `authorize`.', 4096),
      redirect_uri: redirectUri,
      code_verifier: { type: 'string', pattern: '^[A-Za-z0-9._~-]{43,128}$', description: 'Of `authorize`.' },
      nonce: { ...nonce, description: 'Of `authorize`: the ID token has to carry it.' },
      refresh_token: text('For `refresh_token`.', maxTokenLength),
      scope,
      audience,
    },
    ['grant_type'],
    {
      anyOf: [grant('client_credentials', []), grant('authorization_code', ['code', 'redirect_uri']), grant('refresh_token', ['refresh_token'])],
    },
  ),
  output: object(
    {
      access_token: text('The token.', maxTokenLength),
      token_type: { type: 'string', description: '`Bearer`.' },
      expires_in: { type: 'integer', minimum: 0, description: 'Seconds from now.' },
      refresh_token: text('Where the provider gives one.', maxTokenLength),
      id_token: text('Where the provider gives one; it was checked.', maxTokenLength),
      scope: { type: 'string', description: 'Scopes that were given.' },
      claims: { ...claims, description: 'Of the ID token.' },
      cached: { type: 'boolean', description: 'Whether it was fetched for an earlier call.' },
    },
    ['access_token', 'token_type', 'cached'],
  ),
}

const jwks: OperationDefinition = {
  summary: 'Public keys of the provider, kept for 24 hours; an older copy while the provider is away.',
  ...harmless,
  input: object({}, []),
  output: object(
    {
      keys: { type: 'array', items: { type: 'object' }, description: 'Those that are fit for signatures.' },
      fetched_at: { type: 'string', description: 'RFC 3339.' },
      stale: { type: 'boolean', description: 'The provider could not be asked for newer ones.' },
    },
    ['keys', 'fetched_at', 'stale'],
  ),
}

const userinfo: OperationDefinition = {
  summary: 'What the provider says of the person whose access token this is.',
  ...harmless,
  ...secret,
  local: true,
  input: object({ access_token: token('Access token.') }, ['access_token']),
  output: confirmed,
}

const verify: OperationDefinition = {
  summary: 'Checks a JWT with the keys of the provider, without a call where they are known.',
  ...harmless,
  ...secret,
  local: true,
  input: object({ token: text('Access token or ID token.', maxTokenLength), nonce: { ...nonce, description: 'That it has to carry.' } }, ['token']),
  output: confirmed,
}

const endSession: OperationDefinition = {
  summary: 'Address that a browser visits to sign out at the provider.',
  ...harmless,
  ...secret,
  input: object(
    {
      id_token_hint: token('ID token of the sign-in.'),
      post_logout_redirect_uri: webUrl('Where the provider sends the browser back to.'),
      state,
      access_token: token('Its local session ends at once.'),
    },
    [],
  ),
  output: object({ url: text('Where to send the browser.', 32_768) }, ['url']),
}

export const operations = { authorize, token: tokenOperation, jwks, userinfo, verify, end_session: endSession } as const
