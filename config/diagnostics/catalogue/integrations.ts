import type { CatalogueEntry } from './entry.ts'

const secrets = `secrets:
  api_keys: { path: /prod/external/api-keys }
`

/** @param lines Of the integration, with six spaces before each. */
export const payment = (...lines: readonly string[]): string => `${secrets}integrations:
  payment:
    plugin: stripe
    auth: { type: bearer, token: "\${secret:api_keys#stripe}" }
${lines.map((line) => `    ${line}\n`).join('')}`

const rule = (target: string): string => `routing_rules:
  - { path: /api/payments, methods: [POST], ${target} }
`

export const charges = `routing_rules:
  - { path: /api/payments, methods: [POST], integration: payment.create_payment }
`

const right = `${payment()}${charges}`

const flow = (
  ...steps: readonly string[]
): string => `${payment('operations:', '  create_payment: { compensation: refund }')}${steps.some((step) => step.includes('service: orders')) ? 'services:\n  orders: { urls: ["http://127.0.0.1:9105"] }\n' : ''}flows:
  place_order:
    steps:
${steps.map((step) => `      - ${step}\n`).join('')}${rule('flow: place_order')}`

const charge = '{ name: charge, integration: payment.create_payment, input: { amount: "{{ input.amount }}", currency: eur } }'
const order = '{ name: order, service: orders, path: /orders, compensation: { service: orders, path: /orders/cancel } }'
const confirm = '{ name: confirm, service: orders, path: "/confirm/{{ steps.charge.output.id }}", compensation: none }'

/** HG2030 and up: single values of integrations and flows. */
export const integrationValues = {
  HG2030: {
    severity: 'error',
    title: 'unusable input schema',
    explanation:
      '`input` of a flow is no JSON Schema that data can be checked with. Nothing is fetched from elsewhere, and keywords that nobody knows are taken for misspelt.',
    wrong: flow(charge).replace('    steps:', '    input: { typ: object }\n    steps:'),
    right: flow(charge).replace('    steps:', '    input: { type: object, required: [amount] }\n    steps:'),
  },
  HG2031: {
    severity: 'error',
    title: 'unusable operation',
    explanation: 'The adapter cannot make an operation of what is declared; the message is its own.',
    wrong: `integrations:
  crm:
    plugin: http
    base_url: https://crm.example.com
    auth: { type: none }
    operations:
      create_contact: { settings: { method: POST, path: "/contacts/{{ input. }}" } }
routing_rules:
  - { path: /contacts, methods: [POST], integration: crm.create_contact }
`,
    right: `integrations:
  crm:
    plugin: http
    base_url: https://crm.example.com
    auth: { type: none }
    operations:
      create_contact: { settings: { method: POST, path: /contacts } }
routing_rules:
  - { path: /contacts, methods: [POST], integration: crm.create_contact }
`,
  },
  HG2032: {
    severity: 'error',
    title: 'invalid PostgreSQL URL',
    explanation: 'Addresses of PostgreSQL begin with `postgresql://` or `postgres://` and name a host.',
    wrong: `state: { type: postgresql, url: "mysql://db.internal/headgate" }
${right}`,
    right: `state: { type: postgresql, url: "postgresql://headgate@db.internal:5432/headgate" }
${right}`,
  },
} as const satisfies Record<string, CatalogueEntry>

/** HG3025 and up: plugins, integrations, flows, alerts and secrets. */
export const integrationErrors = {
  HG3025: {
    severity: 'error',
    title: 'plugin cannot be used',
    explanation: 'A module that `plugins` names cannot be loaded, or what it exports is no adapter for this version of the contract.',
    wrong: `plugins: [./no-such-plugin.ts]
${right}`,
    right,
  },
  HG3026: {
    severity: 'error',
    title: 'unknown adapter',
    explanation: '`plugin` names an adapter that is neither built in nor brought by `plugins`. `headgate plugins list` shows all.',
    wrong: right.replace('stripe', 'strip'),
    right,
  },
  HG3027: {
    severity: 'error',
    title: 'unknown integration',
    explanation: 'A rule, consumer, step, fallback or alert names an integration that is not declared under `integrations`.',
    wrong: `${payment()}${rule('integration: paymnt.create_payment')}`,
    right,
  },
  HG3028: {
    severity: 'error',
    title: 'unknown operation',
    explanation: 'The adapter of the integration has no operation of this name, or none is named.',
    wrong: `${payment()}${rule('integration: payment.create_paymnt')}`,
    right,
  },
  HG3029: {
    severity: 'error',
    title: 'unknown flow',
    explanation: 'A rule or consumer names a flow that is not declared under `flows`.',
    wrong: flow(charge).replace('flow: place_order', 'flow: place_ordr'),
    right: flow(charge),
  },
  HG3030: {
    severity: 'error',
    title: 'unknown secret',
    explanation: '`${secret:NAME#FIELD}` names a secret that is not declared under `secrets`.',
    wrong: right.replace('secret:api_keys', 'secret:api_key'),
    right,
  },
  HG3031: {
    severity: 'error',
    title: 'unknown alert channel',
    explanation: 'A failure mode or flow names a channel that is not declared under `alerts`.',
    wrong: `alerts: { oncall: { type: log } }
${payment('failure_modes:', '  odd: { when: invalid_response, then: log_and_alert, alert: on-call }')}${charges}`,
    right: `alerts: { oncall: { type: log } }
${payment('failure_modes:', '  odd: { when: invalid_response, then: log_and_alert, alert: oncall }')}${charges}`,
  },
  HG3032: {
    severity: 'error',
    title: 'authentication does not fit the adapter',
    explanation: 'The adapter does not take this kind of `auth`, or needs more for it.',
    wrong: right.replace(
      '{ type: bearer, token: "${secret:api_keys#stripe}" }',
      '{ type: basic, username: shop, password: "${secret:api_keys#stripe}" }',
    ),
    right,
  },
  HG3033: {
    severity: 'error',
    title: 'idempotency contradicts the operation',
    explanation:
      'What `idempotency` says of the operation is not so: an operation that the provider does again each time is not `built-in`, and no key can be `required` where the provider takes none.',
    wrong: `${payment('operations:', '  create_payment: { idempotency: built-in }')}${charges}`,
    right: `${payment('operations:', '  create_payment: { idempotency: required }')}${charges}`,
  },
  HG3034: {
    severity: 'error',
    title: 'compensation does not undo the operation',
    explanation: '`compensation` names an operation of the same integration that undoes this one, or `manual_review`.',
    wrong: `${payment('operations:', '  create_payment: { compensation: get_payment }')}${charges}`,
    right: `${payment('operations:', '  create_payment: { compensation: refund }')}${charges}`,
  },
  HG3035: {
    severity: 'error',
    title: 'operation cannot be batched like this',
    explanation: 'The provider takes calls of this operation one by one, or fewer at once than `size` says.',
    wrong: `${payment('operations:', '  create_payment: { batch: { size: 10 } }')}${charges}`,
    right,
  },
} as const satisfies Record<string, CatalogueEntry>

/** HG3046 and up. */
export const flowErrors = {
  HG3046: {
    severity: 'error',
    title: 'template cannot be used',
    explanation: 'An expression in double braces is no CEL, or uses a name that is not at hand at this place.',
    wrong: flow(charge.replace('input.amount', 'inptu.amount')),
    right: flow(charge),
  },
  HG3047: {
    severity: 'error',
    title: 'call is not clear',
    explanation:
      'A step or compensation calls exactly one thing: a `service` with its `path`, or an operation of an `integration`. `method`, `path`, `headers` and `body` belong to a service, `input` to an operation.',
    wrong: flow('{ name: charge }'),
    right: flow(charge),
  },
  HG3048: {
    severity: 'error',
    title: 'step does not come before',
    explanation: 'An expression uses the output of a step that has not run yet at this place, or that does not exist.',
    wrong: flow(confirm, charge),
    right: flow(charge, confirm),
  },
  HG3049: {
    severity: 'error',
    title: 'adapter has no webhooks',
    explanation: 'The rule takes webhooks of an integration whose adapter does not know any.',
    wrong: `integrations:
  relay: { plugin: smtp, auth: { type: none }, settings: { host: 127.0.0.1 } }
${rule('webhook: relay')}`,
    right: `${payment('settings: { webhook_secret: "${secret:api_keys#webhook}" }')}${rule('webhook: payment')}`,
  },
} as const satisfies Record<string, CatalogueEntry>

/** HG4014 and up. */
export const integrationWarnings = {
  HG4014: {
    severity: 'warning',
    title: 'calls prove nothing',
    explanation: 'The integration has no `auth`, and its adapter knows no provider that takes calls without.',
    wrong: right.replace(/ {4}auth: .*\n/, '').replace(secrets, ''),
    right,
  },
  HG4015: {
    severity: 'warning',
    title: 'step cannot be undone',
    explanation:
      'A later step may fail, and nothing says how this one is undone. Give it a `compensation`; `none` where there is nothing to undo, `manual_review` where a person has to.',
    wrong: flow(order.replace(/, compensation.*\} \}/, ' }'), charge),
    right: flow(order, charge),
  },
  HG4016: {
    severity: 'warning',
    title: 'secret stands in the file',
    explanation: 'A password, key or token is written out. Whoever reads the file has it: take it from `${secret:NAME#FIELD}` or `${env:NAME}`.',
    wrong: right.replace('"${secret:api_keys#stripe}"', 'sk_test_4eC39HqLyjWDarjtT1zdp7dc'),
    right,
  },
} as const satisfies Record<string, CatalogueEntry>
