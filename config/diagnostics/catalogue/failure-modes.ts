import type { CatalogueEntry } from './entry.ts'
import { charges, payment } from './integrations.ts'

const modes = (...lines: readonly string[]): string => `${payment('failure_modes:', ...lines.map((line) => `  ${line}`))}${charges}`

const queued = (...lines: readonly string[]): string => `queues:
  payment.process: {}
consumers:
  payment_processor: { queue: payment.process, deliver_to: { integration: payment.create_payment } }
${modes(...lines)}`

const second = `  second:
    plugin: paypal
    auth: { type: oauth2, client_id: shop, client_secret: "\${secret:api_keys#paypal}" }
`

const withSecond = (text: string): string => text.replace('routing_rules:', `${second}routing_rules:`)

const email = (own: string): string => `secrets:
  api_keys: { path: /prod/external/api-keys }
integrations:
  email:
    plugin: sendgrid
    auth: { type: bearer, token: "\${secret:api_keys#sendgrid}" }
    operations:
      send: { failure_modes: ${own} }
routing_rules:
  - { path: /api/mail, methods: [POST], integration: email.send }
`

const right = modes('odd: { when: invalid_response, then: log_and_alert }')

/** HG3036 to HG3045: failure modes that could not be kept. */
export const failureModeErrors = {
  HG3036: {
    severity: 'error',
    title: 'failure cannot happen',
    explanation:
      'No operation that the mode is for can fail in this way, so the mode would never apply. `headgate plugins show` lists the kinds of each operation.',
    wrong: modes('odd: { when: template_error, then: log_and_alert }'),
    right,
  },
  HG3037: {
    severity: 'error',
    title: 'failure mode is never reached',
    explanation: 'The first mode that fits counts, and earlier ones fit whatever this one does. Put the narrower one first.',
    wrong: modes('any: { when: { status: 5xx }, then: log_and_alert }', 'down: { when: { status: 503 }, then: manual_review }'),
    right: modes('down: { when: { status: 503 }, then: manual_review }', 'any: { when: { status: 5xx }, then: log_and_alert }'),
  },
  HG3038: {
    severity: 'error',
    title: 'queue is not clear',
    explanation:
      'The mode puts intents into a queue, and it is not clear into which: neither the mode nor the integration names one, and there is not exactly one whose consumer delivers to the integration.',
    wrong: modes('down: { when: { status: 503 }, then: queue }'),
    right: queued('down: { when: { status: 503 }, then: queue }'),
  },
  HG3039: {
    severity: 'error',
    title: 'nobody goes on with the queue',
    explanation: 'The mode puts intents into a queue from which no consumer delivers to this integration: they would wait there for ever.',
    wrong: queued('down: { when: { status: 503 }, then: queue, queue: later }').replace('payment.process: {}', 'payment.process: {}\n  later: {}'),
    right: queued('down: { when: { status: 503 }, then: queue, queue: payment.process }'),
  },
  HG3040: {
    severity: 'error',
    title: 'repetition could do it twice',
    explanation:
      'The operation may be done again by each repetition: the provider takes no idempotency key for it, or `idempotency: none` says that none is sent. `idempotent_retry` is not possible then.',
    wrong: email('{ slow: { when: timeout, then: idempotent_retry } }'),
    right: email('{ slow: { when: timeout, then: manual_review } }'),
  },
  HG3041: {
    severity: 'error',
    title: 'fallback cannot stand in',
    explanation: 'A fallback is another integration of the same capability that has the same operation.',
    wrong: modes('down: { when: service_down, then: fallback, to: payment }'),
    right: withSecond(modes('down: { when: service_down, then: fallback, to: second }')),
  },
  HG3042: {
    severity: 'error',
    title: 'fallbacks go in a circle',
    explanation: 'An integration falls back to another one that falls back to it: with both down, an intent would go to and fro for ever.',
    wrong: withSecond(modes('down: { when: service_down, then: fallback, to: second }')).replace(
      second,
      `${second}    failure_modes: { down: { when: service_down, then: fallback, to: payment } }\n`,
    ),
    right: withSecond(modes('down: { when: service_down, then: fallback, to: second }')),
  },
  HG3043: {
    severity: 'error',
    title: 'fallback could do it twice',
    explanation:
      'After this failure nobody knows whether the provider has done it. Another provider would do it again: the customer would be charged twice. Use `idempotent_retry`, which asks the same provider with the same key; fall back only on failures that say that nothing has happened, such as `service_down`, `rate_limited` or `circuit_open`.',
    wrong: withSecond(modes('slow: { when: timeout, then: fallback, to: second }')),
    right: withSecond(modes('slow: { when: timeout, then: idempotent_retry }', 'down: { when: service_down, then: fallback, to: second }')),
  },
  HG3044: {
    severity: 'error',
    title: 'operation has no template',
    explanation: '`use_default_template` replaces the template that the input names; this operation takes none.',
    wrong: modes('odd: { when: invalid_request, then: use_default_template, template: plain }'),
    right,
  },
  HG3045: {
    severity: 'error',
    title: 'operation has no local answer',
    explanation: '`use_local_session` answers from what the provider said earlier; the adapter cannot do that for this operation.',
    wrong: modes('down: { when: service_down, then: use_local_session }'),
    right,
  },
} as const satisfies Record<string, CatalogueEntry>

/** Belongs to failure modes, and came after those of flows. */
export const failureModeKeys = {
  HG3050: {
    severity: 'error',
    title: 'key does not belong to the action',
    explanation: 'A key of a failure mode says more about another action than the one in `then`, so it would have no effect.',
    wrong: modes('odd: { when: invalid_response, then: log_and_alert, delay: 5s }'),
    right,
  },
} as const satisfies Record<string, CatalogueEntry>
