import type * as Kafka from '@platformatic/kafka'
import type { KafkaBrokerConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import { isTlsFailure } from '../tls-failure.ts'
import { tlsOptions } from '../tls-options.ts'

export type KafkaLibrary = typeof Kafka

/**
 * The client is an optional package and is loaded when a Kafka broker is declared, not before.
 * @throws {GatewayError} BROKER_MISCONFIGURED when it is not installed.
 */
export async function loadLibrary(): Promise<KafkaLibrary> {
  try {
    return await import('@platformatic/kafka')
  } catch (error) {
    throw new GatewayError('BROKER_MISCONFIGURED', {
      detail: 'The Kafka client is not installed; run: npm install @platformatic/kafka',
      cause: error,
    })
  }
}

/**
 * How long a member of a consumer group may be silent before its partitions go to others. Heartbeats run beside the handlers, so this is the
 * time until the work of a process that was killed is taken over, and no limit on handlers.
 */
export const sessionTimeoutMs = 10_000

export interface Clients {
  readonly library: KafkaLibrary
  producer(): Kafka.Producer
  admin(): Kafka.Admin
  /** A member of `group`; joins when told. */
  member(group: string): Kafka.Consumer
  /** Reads partitions without a group. */
  reader(): Kafka.Consumer
}

export function clients(library: KafkaLibrary, config: KafkaBrokerConfig): Clients {
  const base: Kafka.BaseOptions & { requestTimeout: number } = {
    clientId: 'headgate',
    bootstrapBrokers: [...config.servers],
    connectTimeout: config.connectTimeoutMs,
    requestTimeout: Math.max(1000, config.publishTimeoutMs),
    timeout: Math.max(1000, config.publishTimeoutMs),
    retries: 2,
    retryDelay: 150,
    ...(config.tls === undefined ? {} : { tls: tlsOptions(config.tls) }),
    ...(config.sasl === undefined ? {} : { sasl: { ...config.sasl } }),
  }
  const consumer = (group: string, requestTimeout: number): Kafka.Consumer =>
    guarded(
      new library.Consumer({
        ...base,
        groupId: group,
        requestTimeout,
        autocommit: false,
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout: sessionTimeoutMs,
        heartbeatInterval: 1000,
        heartbeatStallTimeout: sessionTimeoutMs,
        // Partitions that a member keeps through a rebalance are not taken from it for the time of the rebalance.
        protocols: [{ name: library.COOPERATIVE_STICKY_ASSIGNOR, version: 3 }],
      }),
    )
  return {
    library,
    producer: () => guarded(new library.Producer({ ...base, idempotent: true, acks: -1, partitioner: partitioner(library) })),
    admin: () => guarded(new library.Admin({ ...base, retries: 1 })),
    // Joining a group may take as long as a rebalance does.
    member: (group) => consumer(group, sessionTimeoutMs * 2),
    reader: () => consumer('headgate.reader', 10_000),
  }
}

/** Records of one key go where every other client of Kafka would put them; those without a key go round. */
function partitioner(library: KafkaLibrary): Kafka.Partitioner<Buffer, Buffer, Buffer, Buffer> {
  let turn = 0
  return (message, key) => {
    turn = (turn + 1) % 2 ** 30
    return key === undefined ? turn : library.compatibilityPartitioner(message, key)
  }
}

/** The client has error events of its own and of each connection; none of them may end the process, their calls report the same failures. */
function guarded<Client extends Kafka.Producer | Kafka.Admin | Kafka.Consumer>(client: Client): Client {
  const events: NodeJS.EventEmitter = client
  events.on('error', () => {})
  events.on('client:broker:connect', (event: { readonly connection?: NodeJS.EventEmitter }) => event.connection?.on('error', () => {}))
  return client
}

/** What an error of the client says, in one line; it names nodes and topics, never credentials. */
export function describeFailure(error: unknown): string {
  const words = [...within(error)].filter((one) => !(one instanceof AggregateError)).map((one) => one.message.replace(/\s+/g, ' '))
  return [...new Set(words)].join('; ').slice(0, 300)
}

/** Whether the cluster did not answer, in contrast to an answer that says no. */
export function isSilence(error: unknown): boolean {
  return hasCode(error, 'PLT_KFK_NETWORK') || hasCode(error, 'PLT_KFK_TIMEOUT')
}

/** Whether the cluster and the gateway do not accept each other: no waiting helps then. */
export function isRefusal(error: unknown): boolean {
  return hasCode(error, 'PLT_KFK_AUTHENTICATION') || isUntrusted(error)
}

/** Whether the certificates do not fit. */
export function isUntrusted(error: unknown): boolean {
  return within(error).some(isTlsFailure)
}

function hasCode(error: unknown, code: string): boolean {
  return within(error).some((one) => 'code' in one && one.code === code)
}

/** The error, what it consists of and what caused it, a few levels deep. */
function* within(error: unknown, depth = 0): Generator<Error> {
  if (!(error instanceof Error) || depth > 4) return
  yield error
  if (error instanceof AggregateError) for (const one of error.errors.slice(0, 5)) yield* within(one, depth + 1)
  yield* within(error.cause, depth + 1)
}

/** Resolves with the promise or after `ms`, whatever it ends with: for goodbyes that nobody needs an answer to. */
export async function briefly(goodbye: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([goodbye.catch(() => undefined), limit])
  clearTimeout(timer)
}

/** Whether a failure or one of its causes is the protocol's error of this name (`UNKNOWN_TOPIC_OR_PARTITION`). */
export function isProtocolError(library: KafkaLibrary, error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.some((name) => library.findErrorBy(error, 'apiId', name) !== null)
}
