import type { IntegrationConfig } from '../../config/model.ts'
import { compileTemplate } from '../../config/templates/template.ts'
import { integration as integrationSchema } from '../../schemas/integrations.ts'
import type { Adapter, AdapterContext, AdapterLog, AuthType, Json, JsonSchema } from '../plugin.ts'
import { GatewayError } from '../errors.ts'
import type { Secrets } from '../secrets/secrets.ts'
import { type ClosableProviderHttp, providerHttp, type ProviderHttpConfig } from './provider-http.ts'
import { withoutSecrets } from './public-settings.ts'

export type AdapterContextConfig = ProviderHttpConfig &
  Pick<IntegrationConfig, 'name' | 'settings'> & {
    readonly operations: readonly Pick<IntegrationConfig['operations'][number], 'name' | 'settings'>[]
  }

export interface AdapterContextDeps {
  readonly adapter: Pick<Adapter, 'settings' | 'declared' | 'tokenUrl'>
  readonly secrets: Secrets
  /** The adapter's own lines carry the name of the integration. */
  readonly log: AdapterLog & { child(fields: { readonly integration: string }): AdapterLog }
  /** Milliseconds since the epoch. */
  now(): number
}

export interface OpenAdapterContext {
  readonly context: AdapterContext
  /** Closes the connections of `context.http`. */
  close(): Promise<void>
}

/**
 * All that the gateway hands to an adapter for one integration.
 * @throws Error with a sentence for the author of the configuration: a reference to a secret in a setting that is shown, certificates that cannot
 * be used.
 */
export const adapterContext = (config: AdapterContextConfig, deps: AdapterContextDeps): OpenAdapterContext => {
  const log = deps.log.child({ integration: config.name })
  const settings = withoutSecrets(config.settings, deps.adapter.settings, 'settings')
  const declared: JsonSchema = deps.adapter.declared?.settings ?? {}
  const operations = Object.fromEntries(
    config.operations.map(({ name, settings: own }) => [name, withoutSecrets(own, declared, `operations.${name}.settings`)]),
  )
  const http: ClosableProviderHttp = providerHttp({
    config,
    tokenUrl: deps.adapter.tokenUrl,
    secrets: deps.secrets,
    now: deps.now,
    onError: (error) => log.error({ err: error }, 'the client of a provider failed'),
  })
  const context: AdapterContext = {
    name: config.name,
    settings,
    auth: publicAuth(config.auth),
    operations,
    baseUrl: config.baseUrl,
    secret: (path) => {
      const text = textAt(config, path)
      return text === undefined ? undefined : deps.secrets.reveal(text)
    },
    http: { request: (request) => http.request(request) },
    log,
    now: deps.now,
    template: (source, variables) => compileTemplate(source, variables),
  }
  return { context, close: () => http.close() }
}

/** What the schema does not mark as secret, and holds no reference to one. */
const publicAuth = (auth: IntegrationConfig['auth']): AdapterContext['auth'] => {
  const schema = integrationSchema.properties.auth.anyOf.find(({ properties }) => properties.type.const === auth.type)
  const properties = new Map<string, object>(Object.entries(schema?.properties ?? {}))
  const isPublic = (name: string): boolean => {
    const property = properties.get(name)
    return property !== undefined && !('writeOnly' in property)
  }
  const shown = Object.entries(auth).filter(([name, value]) => isPublic(name) && !(typeof value === 'string' && value.includes('${secret:')))
  return { ...(Object.fromEntries(shown) as Record<string, Json>), type: auth.type satisfies AuthType }
}

/** `settings.webhook_secret`, `auth.token`, `operations.send.settings.key`. */
const textAt = (config: AdapterContextConfig, path: string): string | undefined => {
  const [root, ...rest] = path.split('.')
  let value: unknown
  let steps = rest
  if (root === 'settings') value = config.settings
  else if (root === 'auth') value = config.auth
  else if (root === 'operations') {
    const [name, word, ...inner] = rest
    if (word !== 'settings') return undefined
    value = config.operations.find((operation) => operation.name === name)?.settings
    steps = inner
  } else return undefined
  for (const step of steps)
    value = typeof value === 'object' && value !== null && Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined
  if (value === undefined || typeof value === 'string') return value
  throw new GatewayError('SECRET_UNAVAILABLE', { detail: `${path} is not a text` })
}
