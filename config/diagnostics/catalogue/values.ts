import type { CatalogueEntry } from './entry.ts'

/** HG2015 and up: a value is in its format, and still not possible at its place. */
export const values = {
  HG2015: {
    severity: 'error',
    title: 'not one of the choices',
    explanation: 'The key takes one of a few values only.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["http://127.0.0.1:9101"], load_balancing: roundrobin }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["http://127.0.0.1:9101"], load_balancing: round_robin }
`,
  },
  HG2016: {
    severity: 'error',
    title: 'out of range',
    explanation: 'The number or the length of the text is outside of what is allowed.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    retries: 11
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    retries: 10
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2017: {
    severity: 'error',
    title: 'wrong number of entries',
    explanation: 'A list or map has too few or too many entries.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: [] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2018: {
    severity: 'error',
    title: 'repeated entry',
    explanation: 'The same entry stands in a list or set twice. Header names are the same whatever their case.',
    wrong: `routing_rules:
  - path: /hello
    methods: [GET, GET]
    respond: { body: hello }
`,
    right: `routing_rules:
  - path: /hello
    methods: [GET]
    respond: { body: hello }
`,
  },
  HG2019: {
    severity: 'error',
    title: 'protected header',
    explanation:
      'Headers that frame the message or belong to one connection are set by the gateway alone; changing them could let one request be read as two.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    request_headers: { set: { content-length: "3" } }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    request_headers: { set: { x-length: "3" } }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2020: {
    severity: 'error',
    title: 'invalid origin',
    explanation: 'An origin is scheme, host and port as a browser sends it, such as `https://app.example.com`, or `*` alone for any.',
    wrong: `routing_rules:
  - path: /hello
    service: web
    cors: { origins: [app.example.com] }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello
    service: web
    cors: { origins: ["https://app.example.com"] }
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2021: {
    severity: 'error',
    title: 'metric is declared differently',
    explanation:
      'The integration metrics have fixed names, types and labels. Declaring one documents it; a declaration that differs would be untrue.',
    wrong: `metrics:
  - { name: integration_latency_ms, type: gauge, labels: [service, endpoint, status] }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
    right: `metrics:
  - { name: integration_latency_ms, type: histogram, labels: [service, endpoint, status] }
routing_rules:
  - path: /hello
    respond: { body: hello }
`,
  },
  HG2022: {
    severity: 'error',
    title: 'unusable TLS file',
    explanation: 'A file with a certificate or key cannot be read, or holds no PEM block of the right kind.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["https://127.0.0.1:9101"], tls: { ca_file: missing.pem } }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["https://127.0.0.1:9101"] }
`,
  },
  HG2023: {
    severity: 'error',
    title: 'incomplete TLS pair',
    explanation: 'A client certificate needs its key and the key its certificate.',
    wrong: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["https://127.0.0.1:9101"], tls: { cert_file: client.pem } }
`,
    right: `routing_rules:
  - path: /hello
    service: web
services:
  web: { urls: ["https://127.0.0.1:9101"] }
`,
  },
  HG2024: {
    severity: 'error',
    title: 'keys exclude each other',
    explanation: 'Two keys stand together that contradict each other.',
    wrong: `routing_rules:
  - path: /hello/*
    service: web
    strip_prefix: /hello
    rewrite: /world
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
    right: `routing_rules:
  - path: /hello/*
    service: web
    strip_prefix: /hello
services:
  web: { urls: ["http://127.0.0.1:9101"] }
`,
  },
  HG2025: {
    severity: 'error',
    title: 'invalid name',
    explanation:
      'Names of queues, exchanges, events and subscribers are letters, digits, `.`, `_` and `-`, which every broker accepts; queues at most 200 characters. `headgate.` and `amq.` at the beginning, and `.dlq` at the end, are reserved.',
    wrong: `queues:
  audit log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit log }
`,
    right: `queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
  },
  HG2026: {
    severity: 'error',
    title: 'invalid broker URL',
    explanation:
      'An address of a RabbitMQ node is `amqp://` or `amqps://`, host and port, and the virtual host as its path. Users and passwords go under `username` and `password`.',
    wrong: `brokers:
  default: { type: rabbitmq, urls: ["http://127.0.0.1:15672"] }
queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
    right: `brokers:
  default: { type: rabbitmq, urls: ["amqp://127.0.0.1:5672"] }
queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
  },
  HG2027: {
    severity: 'error',
    title: 'invalid JSON Pointer',
    explanation: 'A JSON Pointer (RFC 6901) names a place in a JSON body: `/customer/id`. In it `~1` stands for `/` and `~0` for `~`.',
    wrong: `queues:
  orders.new: {}
consumers:
  orders: { queue: orders.new, order_by: { body: customer.id }, deliver_to: { service: orders, path: /orders } }
services:
  orders: { urls: ["http://127.0.0.1:9102"] }
routing_rules:
  - { path: /orders, methods: [POST], queue: orders.new }
`,
    right: `queues:
  orders.new: {}
consumers:
  orders: { queue: orders.new, order_by: { body: /customer/id }, deliver_to: { service: orders, path: /orders } }
services:
  orders: { urls: ["http://127.0.0.1:9102"] }
routing_rules:
  - { path: /orders, methods: [POST], queue: orders.new }
`,
  },
  HG2028: {
    severity: 'error',
    title: 'unusable event schema',
    explanation:
      'The schema of an event is a JSON Schema of draft 2020-12, or of draft-07 where `$schema` says so. Nothing is fetched from elsewhere, unknown keywords are errors unless they begin with `x-`, and patterns on which a text could be spent for ever are refused.',
    wrong: `events:
  OrderCreated:
    schema: { type: object, requried: [orderId] }
    subscribers: { inventory: { service: inventory, path: /events } }
services:
  inventory: { urls: ["http://127.0.0.1:9105"] }
routing_rules:
  - { path: /events, methods: [POST], events: [OrderCreated] }
`,
    right: `events:
  OrderCreated:
    schema: { type: object, required: [orderId] }
    subscribers: { inventory: { service: inventory, path: /events } }
services:
  inventory: { urls: ["http://127.0.0.1:9105"] }
routing_rules:
  - { path: /events, methods: [POST], events: [OrderCreated] }
`,
  },
  HG2029: {
    severity: 'error',
    title: 'invalid Redis URL',
    explanation:
      'An address of a Redis server is `redis://` or `rediss://`, host and port, and the number of the database as its path. Users and passwords go under `username` and `password`.',
    wrong: `messaging:
  store: { type: redis, urls: ["127.0.0.1:6379"] }
queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
    right: `messaging:
  store: { type: redis, urls: ["redis://127.0.0.1:6379"] }
queues:
  audit.log: {}
routing_rules:
  - { path: /audit, methods: [POST], queue: audit.log }
`,
  },
} as const satisfies Record<string, CatalogueEntry>
