import type { AdapterCatalogue, AdapterDescription, CompileTemplate, LoadAdapters, OperationDescription } from '../../config/adapters.ts'
import { commonKinds, failureKinds } from '../../gateway/plugin.ts'

const secret = { type: 'string', minLength: 1, writeOnly: true, description: 'Never shown.' }

const settings = (properties: object): Readonly<Record<string, unknown>> => ({ type: 'object', additionalProperties: false, properties })

const charge = (undo: readonly string[]): OperationDescription => ({
  idempotency: 'key',
  duplicates: 'harmful',
  undo: Object.fromEntries(undo.map((name) => [name, () => null])),
})

const paymentOperations: Readonly<Record<string, OperationDescription>> = {
  create_payment: charge(['refund', 'release_authorization']),
  capture_payment: { ...charge(['refund', 'release_authorization']), idempotency: 'inherent' },
  refund: charge([]),
  release_authorization: { ...charge([]), idempotency: 'inherent' },
  get_payment: { idempotency: 'inherent', duplicates: 'tolerable' },
}

const mail: OperationDescription = {
  idempotency: 'none',
  duplicates: 'tolerable',
  kinds: ['invalid_email', 'blocked_domain', 'template_error'],
  maxBatch: 1000,
  templateField: 'template',
}

const { maxBatch: _, ...singleMail } = mail

const adapters: readonly AdapterDescription[] = [
  {
    type: 'stripe',
    capability: 'payments',
    baseUrl: 'https://api.stripe.com',
    auth: ['bearer'],
    settings: settings({
      webhook_secret: secret,
      webhook_max_age: { type: 'string', format: 'headgate-duration', default: '5m', description: 'Older webhooks are refused.' },
    }),
    operations: paymentOperations,
    webhook: { events: { PaymentSucceeded: {} } },
  },
  {
    type: 'paypal',
    capability: 'payments',
    baseUrl: 'https://api-m.paypal.com',
    auth: ['oauth2'],
    tokenUrl: '/v1/oauth2/token',
    settings: settings({ webhook_id: { type: 'string', minLength: 1, description: 'Id of the webhook.' } }),
    operations: paymentOperations,
    webhook: { events: { PaymentSucceeded: {} } },
  },
  {
    type: 'sendgrid',
    capability: 'email',
    baseUrl: 'https://api.sendgrid.com',
    auth: ['bearer'],
    settings: settings({ sandbox: { type: 'boolean', default: false, description: 'Nothing is delivered.' } }),
    operations: { send: mail, bulk: { ...mail, idempotency: 'key' } },
  },
  {
    type: 'smtp',
    capability: 'email',
    baseUrl: false,
    auth: ['basic', 'none'],
    settings: settings({
      host: { type: 'string', minLength: 1, description: 'Server.' },
      port: { type: 'integer', minimum: 1, default: 587, description: 'Port.' },
    }),
    operations: { send: singleMail },
  },
  {
    type: 'oidc',
    capability: 'auth',
    auth: ['none', 'basic'],
    settings: settings({}),
    operations: { userinfo: { idempotency: 'inherent', duplicates: 'tolerable', local: true } },
  },
  {
    type: 'http',
    capability: 'http',
    webhook: { events: {} },
    auth: ['none', 'bearer', 'api_key', 'basic', 'oauth2'],
    settings: settings({}),
    operations: {},
    declared: {
      settings: {
        ...settings({
          method: { type: 'string', format: 'headgate-method', default: 'POST', description: 'Method.' },
          path: { type: 'string', minLength: 1, description: 'Path, with expressions.' },
          token: secret,
          done: {
            description: 'Statuses that mean success.',
            anyOf: [
              { type: 'integer', minimum: 200 },
              { type: 'string', enum: ['2xx'] },
            ],
          },
        }),
        required: ['path'],
      },
      define: (name: string, own: Readonly<Record<string, string>>, template: CompileTemplate): OperationDescription => {
        try {
          template(own['path'] ?? '', ['input'])
        } catch (error) {
          throw new Error(`The path of ${name} cannot be used: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
        }
        return { idempotency: own['method'] === 'GET' ? 'inherent' : 'none', duplicates: 'harmful' }
      },
    },
  },
]

/** Adapters as far as checks of configurations look at them; nothing of them can be run. Their names are those of built-in ones. */
export const testCatalogue: AdapterCatalogue = {
  adapters: new Map(adapters.map((adapter) => [adapter.type, adapter])),
  commonKinds,
  kinds: Object.keys(failureKinds),
}

/** Loads no module: every source is a problem. */
export const testAdapters: LoadAdapters = (sources) =>
  Promise.resolve({
    catalogue: testCatalogue,
    problems: sources.map((source) => ({ source, message: `There is no module \`${source.name}\`.`, hint: 'Check the path.' })),
  })
