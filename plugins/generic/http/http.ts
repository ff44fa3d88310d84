import {
  type Adapter,
  type AdapterContext,
  type AdapterInstance,
  failureOfStatus,
  interfaceVersion,
  ProviderFailure,
} from '../../../gateway/plugin.ts'
import { definition, handlers } from './operation.ts'
import { at, checkHeaderNames } from './request.ts'
import { type IntegrationSettings, integrationSettings, operationSettings, type OperationSettings } from './settings.ts'
import { signedWebhook } from './webhook.ts'

/** Any API of JSON over HTTP, by configuration alone: each entry of `operations` declares one call. */
export const adapter: Adapter = {
  interface: interfaceVersion,
  type: 'http',
  capability: 'generic',
  summary: 'Turns any HTTP API into operations, by configuration alone.',
  auth: ['bearer', 'api_key', 'basic', 'oauth2', 'none'],
  settings: integrationSettings,
  operations: {},
  declared: {
    settings: operationSettings,
    define: (name, settings, template) => definition(name, settings as unknown as OperationSettings, template),
  },
  webhook: { summary: 'Webhooks that carry an HMAC; their events are those of `settings.webhook.events`.', events: {} },
  create: (context) => {
    const { headers, probe, webhook } = context.settings as unknown as IntegrationSettings
    at('settings.headers', () => checkHeaderNames(Object.keys(headers)))
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
    const receive = webhook === undefined ? undefined : at('settings', () => signedWebhook(webhook, context))
    return {
      operations: Object.fromEntries(
        Object.entries(context.operations).map(([name, settings]) => [
          name,
          handlers(name, settings as unknown as OperationSettings, context, lower),
        ]),
      ),
      ...(probe !== undefined && { probe: prober(context, probe, lower) }),
      ...(receive !== undefined && { webhook: receive }),
    }
  },
}

const prober =
  (
    context: AdapterContext,
    { method, path }: NonNullable<IntegrationSettings['probe']>,
    headers: Readonly<Record<string, string>>,
  ): NonNullable<AdapterInstance['probe']> =>
  async ({ signal }) => {
    const { status } = await context.http.request({ method, path, headers, signal })
    if (status >= 400) throw new ProviderFailure(failureOfStatus(status).kind, `The probe was answered ${status}`, { executed: 'no', status })
  }
