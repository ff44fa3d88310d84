import type { IntegrationStatus } from '../integrations/integrations.ts'
import type { BrokerStatus } from '../messaging/broker.ts'
import type { ConsumerStatus } from '../messaging/consumer-contract.ts'
import type { Outcome } from '../messaging/settlement.ts'
import type { RuntimeStatus } from '../runtime-status.ts'
import type { AddressState, AddressStatus, ServiceStatus } from '../services/service.ts'

export interface WorkerStatus {
  readonly worker: number
  readonly pid: number
  /** Undefined when the worker did not answer in time. */
  readonly status: RuntimeStatus | undefined
}

type BreakerStatus = RuntimeStatus['breakers'][number]

/** Worst first: one worker that sees an address fail is news, however well the others fare. */
const addressStates: readonly AddressState[] = ['unhealthy', 'ejected', 'unknown', 'healthy']
const brokerStates: readonly BrokerStatus['state'][] = ['closed', 'connecting', 'blocked', 'connected']
const consumerStates: readonly ConsumerStatus['state'][] = ['draining', 'slowed', 'paused', 'running']
const outcomes: readonly Outcome[] = ['ack', 'retry', 'release', 'dead_letter']
const breakerStates: readonly BreakerStatus['state'][] = ['open', 'half_open', 'closed']

/**
 * The status of all workers as one: counts are added up, and of states, which are each worker's own, the worst is shown.
 * What each worker says stands under `workers`.
 */
export const mergedStatus = (statuses: readonly WorkerStatus[], facts: { readonly wanted: number; readonly restarts: number }): object => {
  const answered = statuses.flatMap(({ status }) => (status === undefined ? [] : [status]))
  return {
    draining: answered.some(({ draining }) => draining),
    connections: sum(answered.map(({ connections }) => connections)),
    requestsInFlight: sum(answered.map(({ requestsInFlight }) => requestsInFlight)),
    routes: answered[0]?.routes ?? [],
    services: merged(
      answered.flatMap(({ services }) => services),
      ({ name }) => name,
      mergedService,
    ),
    breakers: merged(
      answered.flatMap(({ breakers }) => breakers),
      ({ route, service }) => JSON.stringify([route, service]),
      mergedBreaker,
    ),
    brokers: merged(
      answered.flatMap(({ brokers }) => brokers),
      ({ name }) => name,
      mergedBroker,
    ),
    // Only one worker looks.
    queues: answered.flatMap(({ queues }) => queues),
    consumers: mergedConsumers(statuses),
    integrations: merged(
      answered.flatMap(({ integrations }) => integrations),
      ({ name }) => name,
      mergedIntegration,
    ),
    // All read the same files.
    secrets: answered[0]?.secrets ?? [],
    workersWanted: facts.wanted,
    workerRestarts: facts.restarts,
    workers: statuses.map(({ worker, pid, status }) => ({ worker, pid, ...own(status) })),
  }
}

/** The consumers of all workers, one entry each. */
export const mergedConsumers = (statuses: readonly WorkerStatus[]): readonly ConsumerStatus[] =>
  merged(
    statuses.flatMap(({ status }) => status?.consumers ?? []),
    ({ name }) => name,
    mergedConsumer,
  )

/** What differs between workers; the routes do not. */
const own = (status: RuntimeStatus | undefined): object => {
  if (status === undefined) return { answered: false }
  const { connections, requestsInFlight, hash, services, breakers, brokers, consumers, integrations } = status
  return { answered: true, connections, requestsInFlight, hash, services, breakers, brokers, consumers, integrations }
}

const merged = <Item>(items: readonly Item[], keyOf: (item: Item) => string, merge: (left: Item, right: Item) => Item): Item[] => {
  const byKey = new Map<string, Item>()
  for (const item of items) {
    const key = keyOf(item)
    const before = byKey.get(key)
    byKey.set(key, before === undefined ? item : merge(before, item))
  }
  return [...byKey.values()]
}

const mergedService = (left: ServiceStatus, right: ServiceStatus): ServiceStatus => ({
  ...left,
  panic: left.panic || right.panic,
  addresses: merged([...left.addresses, ...right.addresses], ({ origin }) => origin, mergedAddress),
})

const mergedIntegration = (left: IntegrationStatus, right: IntegrationStatus): IntegrationStatus => ({
  ...left,
  breaker: breakerStates.find((state) => state === left.breaker || state === right.breaker),
  inFlight: left.inFlight + right.inFlight,
})

const mergedAddress = (left: AddressStatus, right: AddressStatus): AddressStatus => {
  const worse = addressStates.indexOf(right.state) < addressStates.indexOf(left.state) ? right : left
  return { ...worse, inFlight: left.inFlight + right.inFlight }
}

const mergedBreaker = (left: BreakerStatus, right: BreakerStatus): BreakerStatus => {
  const worse = breakerStates.indexOf(right.state) < breakerStates.indexOf(left.state) ? right : left
  return { ...worse, succeeded: left.succeeded + right.succeeded, failed: left.failed + right.failed }
}

const mergedBroker = (left: BrokerStatus, right: BrokerStatus): BrokerStatus => ({
  ...(brokerStates.indexOf(right.state) < brokerStates.indexOf(left.state) ? right : left),
  reconnects: left.reconnects + right.reconnects,
  confirmed: left.confirmed + right.confirmed,
  failed: left.failed + right.failed,
  unconfirmed: left.unconfirmed + right.unconfirmed,
  lastError: left.lastError ?? right.lastError,
})

const mergedConsumer = (left: ConsumerStatus, right: ConsumerStatus): ConsumerStatus => {
  const worse = consumerStates.indexOf(right.state) < consumerStates.indexOf(left.state) ? right : left
  const settled = { ...left.settled }
  for (const outcome of outcomes) settled[outcome] += right.settled[outcome]
  return {
    ...worse,
    settled,
    inFlight: left.inFlight + right.inFlight,
    held: left.held + right.held,
    retries: left.retries + right.retries,
    redeliveries: left.redeliveries + right.redeliveries,
    lastError: (left.lastError?.atMs ?? 0) >= (right.lastError?.atMs ?? 0) ? left.lastError : right.lastError,
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
