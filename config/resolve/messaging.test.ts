import { expect, test } from 'vitest'
import { Findings } from '../diagnostics/findings.ts'
import type { ConsumerConfig, GatewayConfig, QueueConfig } from '../model.ts'
import { pipeline } from '../pipeline.ts'
import { SourceFile } from '../source/source-file.ts'

const services = 'services:\n  web: { urls: ["http://127.0.0.1:9101"] }\n'

const configOf = (text: string, files: Readonly<Record<string, string>> = {}): GatewayConfig => {
  const { config, diagnostics } = pipeline({
    layers: [{ files: [new SourceFile('gateway.yaml', `${text}${services}`, '/etc/headgate')] }],
    env: { PASSWORD: 'of the environment' },
    overrides: {},
    cwd: '/srv',
    readFile: (path) => {
      const content = files[path]
      if (content === undefined) throw Object.assign(new Error('missing'), { code: 'ENOENT' })
      return content
    },
    findings: new Findings(),
  })
  if (config === undefined) throw new Error(JSON.stringify(diagnostics))
  return config
}

const queueOf = (text: string, name = 'q'): QueueConfig | undefined => configOf(text).queues.find((queue) => queue.name === name)
const consumerOf = (text: string): ConsumerConfig | undefined => configOf(`queues: { q: {} }\nconsumers: { c: { queue: q, ${text} } }\n`).consumers[0]
const never = Number.POSITIVE_INFINITY

test('a queue that says nothing is a durable one of its own exchange, on an embedded broker in the working directory', () => {
  const { queues, brokers, messaging } = configOf('queues: { q: {} }\n')
  expect(queues).toEqual([
    {
      name: 'q',
      broker: 'default',
      type: 'direct',
      exchange: 'q',
      bindings: ['q'],
      durable: true,
      ttlMs: never,
      deadLetter: true,
      maxLength: never,
      maxBytes: 1_073_741_824,
    },
  ])
  expect(brokers).toEqual([
    {
      type: 'embedded',
      name: 'default',
      path: '/srv/.headgate/messages.db',
      maxMessageBytes: 16_777_216,
      publishTimeoutMs: 10_000,
      maxUnconfirmed: 1000,
    },
  ])
  expect(messaging).toEqual({ statusPath: '/-/messages', statusTtlMs: 86_400_000, store: { type: 'embedded', path: '/srv/.headgate/store.db' } })
})

test('brokers that nobody uses are not there, so that a gateway without messages opens no file', () => {
  expect(configOf('brokers: { a: { type: embedded }, b: { type: embedded } }\nqueues: { q: { broker: b } }\n').brokers).toMatchObject([{ name: 'b' }])
  expect(configOf('').brokers).toEqual([])
})

test('RabbitMQ and Kafka arrive with their credentials and TLS files', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
  const { brokers } = configOf(
    `brokers:
  rabbit: { type: rabbitmq, urls: ["amqps://a:5671/x", "amqps://b"], username: u, password: "\${env:PASSWORD}", tls: { ca_file: ca.pem } }
  kafka: { type: kafka, urls: ["kafka://a:9092"], sasl: { mechanism: SCRAM-SHA-256, username: u, password: p }, replicas: 3, tls: {} }
queues: { q: { broker: rabbit }, r: { broker: kafka } }
`,
    { '/etc/headgate/ca.pem': pem },
  )
  expect(brokers).toMatchObject([
    {
      type: 'rabbitmq',
      urls: ['amqps://a:5671/x', 'amqps://b'],
      username: 'u',
      password: 'of the environment',
      tls: { verify: true, ca: pem },
      heartbeatMs: 10_000,
      connectTimeoutMs: 5000,
      queueType: 'quorum',
    },
    {
      type: 'kafka',
      servers: ['a:9092'],
      sasl: { mechanism: 'SCRAM-SHA-256', username: 'u', password: 'p' },
      partitions: 3,
      replicas: 3,
      tls: { verify: true },
    },
  ])
})

test('a store that is a text is a file of this machine; one behind Sentinel arrives with its credentials', () => {
  const storeOf = (store: string): unknown => configOf(`messaging: { store: ${store} }\n`).messaging.store
  expect(storeOf('jobs.db')).toEqual({ type: 'embedded', path: '/srv/jobs.db' })
  expect(storeOf('{ type: embedded }')).toEqual({ type: 'embedded', path: '/srv/.headgate/store.db' })
  expect(storeOf('{ type: redis, urls: ["redis://a/2"] }')).toEqual({
    type: 'redis',
    urls: ['redis://a/2'],
    keyPrefix: 'headgate:',
    wait: { replicas: 0, timeoutMs: 500 },
    commandTimeoutMs: 1000,
    connectTimeoutMs: 5000,
  })
  expect(
    storeOf('{ type: redis, urls: ["rediss://s"], password: "${env:PASSWORD}", sentinel: { name: m, password: p }, wait: { replicas: 1 }, tls: {} }'),
  ).toMatchObject({
    password: 'of the environment',
    tls: { verify: true },
    sentinel: { name: 'm', database: 0, password: 'p' },
    wait: { replicas: 1 },
  })
})

test('the own name of a queue is always among its bindings, except with fanout', () => {
  expect(queueOf('queues: { q: { type: topic, bindings: ["a.*", q] } }\n')?.bindings).toEqual(['q', 'a.*'])
  expect(queueOf('queues: { q: { type: fanout, exchange: all } }\n')).toMatchObject({ bindings: [], exchange: 'all' })
})

test('a consumer arrives with units in its names, defaults filled in, and one kind of backoff for both waits', () => {
  expect(consumerOf('timeout: never, retry: { backoff: linear, max_attempts: 1 }, deliver_to: { service: web, path: /a }')).toEqual({
    name: 'c',
    origin: 'gateway.yaml:2:14',
    queue: 'q',
    prefetch: 10,
    concurrency: 1,
    timeoutMs: never,
    retry: { maxAttempts: 1, backoff: 'linear', baseDelayMs: 200, maxDelayMs: 10_000 },
    redelivery: { deadLetterAfter: 5, backoff: 'linear', baseDelayMs: 1000, maxDelayMs: 300_000 },
    paused: false,
    deliverTo: { type: 'service', service: 'web', path: '/a', method: 'POST' },
  })
  expect(consumerOf('circuit_breaker: { threshold: 50% }')?.circuitBreaker).toEqual({
    thresholdPercent: 50,
    resetTimeoutMs: 30_000,
    windowMs: 10_000,
    volume: 20,
  })
})

test('what messages are ordered by is known to the consumer and to its queue', () => {
  const { queues, consumers } = configOf('queues: { q: {}, r: {} }\nconsumers: { c: { queue: q, order_by: { body: /a~1b/0 } }, d: { queue: r } }\n')
  expect(consumers[0]?.orderBy).toEqual({ body: ['a/b', '0'] })
  expect(queues.map(({ orderBy }) => orderBy)).toEqual([{ body: ['a/b', '0'] }, undefined])
  expect(consumerOf('order_by: { header: X-Customer }')?.orderBy).toEqual({ header: 'x-customer' })
})

const events = `queues:
  mine: {}
  all: { type: topic, exchange: events, bindings: ["Order.#"] }
events:
  Order.Created:
    publishers: [shop]
    schema_file: order.json
    subscribers:
      one: { service: web, path: /events, prefetch: 3, order_by: { header: x-a } }
      two: { queue: mine }
  Other: { subscribers: { one: { service: web, path: /other } } }
`

test('a subscriber with a service becomes a queue and a consumer, one with a queue joins it to the exchange of the event', () => {
  const config = configOf(events, { '/etc/headgate/order.json': '{"type":"object"}' })
  expect(config.queues.map(({ name, type, exchange, bindings }) => [name, type, exchange, bindings])).toEqual([
    ['mine', 'topic', 'events', ['mine', 'Order.Created']],
    ['all', 'topic', 'events', ['all', 'Order.#']],
    ['Order.Created.one', 'topic', 'events', ['Order.Created.one', 'Order.Created']],
    ['Other.one', 'topic', 'events', ['Other.one', 'Other']],
  ])
  expect(config.queues[2]).toMatchObject({ durable: true, deadLetter: true, ttlMs: never, orderBy: { header: 'x-a' } })
  expect(config.consumers).toMatchObject([
    { name: 'Order.Created.one', queue: 'Order.Created.one', prefetch: 3, deliverTo: { service: 'web', path: '/events' } },
    { name: 'Other.one', queue: 'Other.one', prefetch: 10, deliverTo: { service: 'web', path: '/other' } },
  ])
  expect(config.events).toEqual([
    {
      name: 'Order.Created',
      broker: 'default',
      exchange: 'events',
      publishers: ['shop'],
      schema: { type: 'object' },
      queues: ['mine', 'all', 'Order.Created.one'],
    },
    { name: 'Other', broker: 'default', exchange: 'events', publishers: [], queues: ['Other.one'] },
  ])
})

const targetOf = (rule: string): unknown =>
  configOf(`queues: { q: {} }\nevents: { A: {}, B: {} }\nrouting_rules: [{ path: /a, ${rule} }]\n`).routes[0]?.target

test('rules with queue and events arrive; all stands for every event', () => {
  expect(targetOf('queue: q')).toEqual({ type: 'queue', queue: 'q', idempotency: { header: 'idempotency-key', required: false, ttlMs: 86_400_000 } })
  expect(targetOf('queue: q, idempotency: { header: X-Key, required: true, ttl: 1h }')).toMatchObject({
    idempotency: { header: 'x-key', required: true, ttlMs: 3_600_000 },
  })
  expect(targetOf('events: [B]')).toEqual({ type: 'events', events: ['B'] })
  expect(targetOf('events: all')).toEqual({ type: 'events', events: ['A', 'B'] })
  expect(targetOf('events: A')).toEqual({ type: 'events', events: ['A'] })
})

test('a body for a queue may be as large as a message, or as small as the rule says', () => {
  const limitOf = (rule: string): number | undefined =>
    configOf(`brokers: { default: { type: embedded, max_message_size: 1MiB } }\nqueues: { q: {} }\nrouting_rules: [{ path: /a, queue: q${rule} }]\n`)
      .routes[0]?.maxBodyBytes
  expect(limitOf('')).toBe(1_048_576)
  expect(limitOf(', max_body: 1KiB')).toBe(1024)
})

test('without queues, the queue of a consumer is made with the defaults', () => {
  expect(configOf('consumers: { c: { queue: q } }\n').queues).toMatchObject([{ name: 'q', type: 'direct', broker: 'default', deadLetter: true }])
})

test('the configuration survives being sent to a worker', () => {
  const config = configOf(events, { '/etc/headgate/order.json': '{"type":"object"}' })
  expect(structuredClone(config)).toEqual(config)
})
