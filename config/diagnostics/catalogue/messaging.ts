import type { CatalogueEntry } from './entry.ts'

const handled = (more: string): string => `queues:
  payment.process: { type: topic }
consumers:
  payment_processor: { queue: payment.process, ${more} }
services:
  payments: { urls: ["http://127.0.0.1:9104"] }
routing_rules:
  - { path: /api/payments, methods: [POST], queue: payment.process }
`

const right = handled('deliver_to: { service: payments, path: /payments }')

/** HG3012 and up: brokers, queues, consumers and events. */
export const messaging = {
  HG3012: {
    severity: 'error',
    title: 'unknown broker',
    explanation: 'A queue or event names a broker that is not declared under `brokers`.',
    wrong: `queues:
  audit.log: { broker: rabit }
brokers:
  rabbit: { type: rabbitmq, urls: ["amqp://127.0.0.1:5672"] }
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
    right: `queues:
  audit.log: { broker: rabbit }
brokers:
  rabbit: { type: rabbitmq, urls: ["amqp://127.0.0.1:5672"] }
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
  },
  HG3013: {
    severity: 'error',
    title: 'unknown queue',
    explanation: 'A rule, consumer or subscriber names a queue that is not declared under `queues`.',
    wrong: `queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.logs }
`,
    right: `queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
  },
  HG3014: {
    severity: 'error',
    title: 'unknown event',
    explanation: 'A rule or consumer names an event that is not declared under `events`.',
    wrong: `events:
  OrderCreated: { subscribers: { inventory: { service: inventory, path: /events } } }
services:
  inventory: { urls: ["http://127.0.0.1:9105"] }
routing_rules:
  - { path: /events, methods: [POST], events: [OrderCreate] }
`,
    right: `events:
  OrderCreated: { subscribers: { inventory: { service: inventory, path: /events } } }
services:
  inventory: { urls: ["http://127.0.0.1:9105"] }
routing_rules:
  - { path: /events, methods: [POST], events: [OrderCreated] }
`,
  },
  HG3015: {
    severity: 'error',
    title: 'key does not fit the target',
    explanation:
      'A key that says how a service is called stands beside a target that is none. A rule with `queue` or `events` stores a message and calls nobody; timeouts, retries and circuit breakers belong to the consumer.',
    wrong: `queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log, retries: 2 }
`,
    right: `queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
  },
  HG3016: {
    severity: 'error',
    title: 'exchange is declared differently',
    explanation:
      'An exchange has one type and lives on one broker. Queues that name the same exchange agree on its type; an event is published to a topic exchange, and the queues that it reaches are bound to that one.',
    wrong: `queues:
  audit.log: { type: fanout, exchange: audit }
  audit.copy: { type: topic, exchange: audit }
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
  - { path: /copies, methods: [POST], queue: audit.copy }
`,
    right: `queues:
  audit.log: { type: fanout, exchange: audit }
  audit.copy: { type: fanout, exchange: audit }
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
  },
  HG3017: {
    severity: 'error',
    title: 'binding has no effect as written',
    explanation:
      'A `fanout` exchange gives every message to every queue, so it has no bindings. A `direct` exchange compares routing keys as they are. In a `topic` exchange `*` stands for one word and `#` for any number of words; words are separated by `.`.',
    wrong: `queues:
  payment.process: { type: direct, bindings: ["payment.*"] }
routing_rules:
  - { path: /api/payments, methods: [POST], queue: payment.process }
`,
    right: `queues:
  payment.process: { type: topic, bindings: ["payment.*"] }
routing_rules:
  - { path: /api/payments, methods: [POST], queue: payment.process }
`,
  },
  HG3018: {
    severity: 'error',
    title: 'messages go in a circle',
    explanation: 'A consumer delivers to a queue from which the message comes back to its own queue, so it would go round for ever.',
    wrong: `queues:
  orders.new: {}
  orders.checked: {}
consumers:
  check: { queue: orders.new, deliver_to: { queue: orders.checked } }
  again: { queue: orders.checked, deliver_to: { queue: orders.new } }
routing_rules:
  - { path: /orders, methods: [POST], queue: orders.new }
`,
    right: `queues:
  orders.new: {}
  orders.checked: {}
consumers:
  check: { queue: orders.new, deliver_to: { queue: orders.checked } }
routing_rules:
  - { path: /orders, methods: [POST], queue: orders.new }
`,
  },
  HG3019: {
    severity: 'error',
    title: 'consumers disagree on order',
    explanation: 'All consumers of one queue keep the same order: what one of them takes, the other does not see.',
    wrong: right.replace(
      'services:',
      '  second: { queue: payment.process, order_by: { header: x-customer }, deliver_to: { service: payments, path: /second } }\nservices:',
    ),
    right,
  },
  HG3020: {
    severity: 'error',
    title: 'name is taken',
    explanation: 'A subscriber with a service gets a queue and a consumer named `EVENT.SUBSCRIBER`; a queue or consumer of that name exists already.',
    wrong: `queues:
  OrderCreated.inventory: {}
events:
  OrderCreated: { subscribers: { inventory: { service: inventory, path: /events } } }
services:
  inventory: { urls: ["http://127.0.0.1:9105"] }
routing_rules:
  - { path: /events, methods: [POST], events: all }
`,
    right: `events:
  OrderCreated: { subscribers: { inventory: { service: inventory, path: /events } } }
services:
  inventory: { urls: ["http://127.0.0.1:9105"] }
routing_rules:
  - { path: /events, methods: [POST], events: all }
`,
  },
  HG3021: {
    severity: 'error',
    title: 'body is larger than the broker takes',
    explanation: '`max_body` of the rule is more than `max_message_size` of the broker, so bodies that the rule lets in could not be stored.',
    wrong: `queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log, max_body: 64MiB }
`,
    right: `queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log, max_body: 1MiB }
`,
  },
  HG3022: {
    severity: 'error',
    title: 'path belongs to the status of messages',
    explanation: '`messaging.status_path` and everything below it is where clients ask how their messages go. Rules cannot lie there.',
    wrong: `queues:
  audit.log: {}
routing_rules:
  - { path: /-/messages, methods: [POST], queue: audit.log }
`,
    right: `messaging: { status_path: /status }
queues:
  audit.log: {}
routing_rules:
  - { path: /-/messages, methods: [POST], queue: audit.log }
`,
  },
  HG3023: {
    severity: 'error',
    title: 'delivery target is not clear',
    explanation: '`deliver_to` and subscribers name exactly one target; a service also needs the `path` that gets the message.',
    wrong: handled('deliver_to: { service: payments }'),
    right,
  },
  HG3024: {
    severity: 'error',
    title: 'broker is not clear',
    explanation: 'With several brokers and none named `default`, each queue and event says which one it lives on.',
    wrong: `brokers:
  here: { type: embedded }
  there: { type: rabbitmq, urls: ["amqp://127.0.0.1:5672"] }
queues:
  audit.log: {}
  orders.new: { broker: there }
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
  - { path: /orders, methods: [POST], queue: orders.new }
`,
    right: `brokers:
  default: { type: embedded }
  there: { type: rabbitmq, urls: ["amqp://127.0.0.1:5672"] }
queues:
  audit.log: {}
  orders.new: { broker: there }
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
  - { path: /orders, methods: [POST], queue: orders.new }
`,
  },
} as const satisfies Record<string, CatalogueEntry>

/** HG4008 and up: it runs, but messages may not go where they are meant to. */
export const messagingWarnings = {
  HG4008: {
    severity: 'warning',
    title: 'messages wait',
    explanation: 'A consumer without `deliver_to` hands its messages to nobody: they stay in the queue.',
    wrong: handled('prefetch: 10'),
    right,
  },
  HG4009: {
    severity: 'warning',
    title: 'unused queue or broker',
    explanation: 'Nobody publishes to the queue or takes from it, or no queue and event lives on the broker.',
    wrong: `queues:
  audit.log: {}
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
    right: `queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
  },
  HG4010: {
    severity: 'warning',
    title: 'failures are discarded',
    explanation: 'A consumer takes from a queue that keeps no dead letters: what cannot be delivered is discarded, with a log line and a metric.',
    wrong: right.replace('{ type: topic }', '{ type: topic, dead_letter: false }'),
    right,
  },
  HG4011: {
    severity: 'warning',
    title: 'timeout outlives the message',
    explanation: 'One attempt may take longer than messages live in the queue: while one is tried, those behind it expire.',
    wrong: right.replace('{ type: topic }', '{ type: topic, ttl: 10s }'),
    right,
  },
  HG4012: {
    severity: 'warning',
    title: 'queue is not declared',
    explanation:
      'The configuration has no `queues`, so the queue of a consumer is made with the defaults. With `queues`, each queue must stand there.',
    wrong: right.replace(/^queues:\n.*\n/, ''),
    right,
  },
  HG4013: {
    severity: 'warning',
    title: 'event without subscribers',
    explanation: 'No queue is bound to the event: it is checked, answered with 202 and kept nowhere.',
    wrong: `events:
  OrderCreated: {}
routing_rules:
  - { path: /events, methods: [POST], events: [OrderCreated] }
`,
    right: `events:
  OrderCreated: { subscribers: { inventory: { service: inventory, path: /events } } }
services:
  inventory: { urls: ["http://127.0.0.1:9105"] }
routing_rules:
  - { path: /events, methods: [POST], events: [OrderCreated] }
`,
  },
} as const satisfies Record<string, CatalogueEntry>
