import type { ConsumerConfig, GatewayConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { Flows } from '../flows/flows.ts'
import type { Operations } from '../integrations/operation.ts'
import type { BreakerSample, Metrics } from '../observe/metrics.ts'
import type { Service } from '../services/service.ts'
import { closed, nextPool } from './broker-pool.ts'
import type { BrokerPool } from './broker-pool.ts'
import type { Broker, BrokerLog, BrokerStatus, QueueStats } from './broker.ts'
import type { ConsumerDeps, ConsumerStatus } from './consumer-contract.ts'
import { consumerSet, consumerSettings } from './consumer-set.ts'
import type { RunningConsumer } from './consumer-set.ts'
import { consumer } from './consumer.ts'
import { eventGate } from './events/event-gate.ts'
import { sharedJobs } from './jobs/shared-jobs.ts'
import type { JobStore } from './jobs/job-store.ts'
import { publisher } from './publisher.ts'
import type { Publisher } from './publisher.ts'
import { queueSampler } from './queue-sampler.ts'
import type { EventGate } from './targets/target.ts'

export interface MessagingDeps {
  readonly log: BrokerLog
  readonly metrics: Metrics
  /** What consumers call that deliver to an integration or a flow; always those in force. */
  readonly operations: Operations
  readonly flows: Flows
  /** This process among those that share the consumers' limits. */
  readonly share: ConsumerDeps['share']
  /** Milliseconds on a monotonic clock. */
  now(): number
  epochNow(): number
  random(): number
}

export interface MessagingStatus {
  readonly brokers: readonly BrokerStatus[]
  readonly queues: readonly QueueStats[]
  readonly consumers: readonly ConsumerStatus[]
}

/** What a configuration needs before it comes into force. */
export interface PreparedMessaging {
  /** From now on what is published goes by this configuration. */
  enter(): void
  /**
   * After `enter`: brings the consumers in line. Resolves when those that changed are replaced and brokers that nobody uses any more are
   * closed. Never rejects.
   */
  run(): Promise<void>
  /** Gives up what was opened; what runs is untouched. */
  abandon(): Promise<void>
}

/** Brokers, consumers and job store of one process. What is handed to routes always means the configuration in force. */
export interface Messaging {
  readonly publisher: Publisher
  readonly jobs: JobStore
  readonly gate: EventGate
  /** @throws {GatewayError} BROKER_MISCONFIGURED */
  prepare(config: GatewayConfig, services: ReadonlyMap<string, Service>): Promise<PreparedMessaging>
  /** @returns False when there is no such consumer. */
  pause(consumer: string, paused: boolean): boolean
  status(): MessagingStatus
  /** Circuit breakers of the services that consumers deliver to. */
  breakers(): readonly BreakerSample[]
  /** Consumers take no more and end what they have begun. Publishing goes on. */
  drain(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

interface Force {
  readonly pool: BrokerPool
  readonly publisher: Publisher
  readonly gate: EventGate
}

const nothing: Force = { pool: new Map(), publisher: publisher(new Map(), [], []), gate: () => Promise.reject(new GatewayError('EVENT_INVALID')) }

export function messaging(deps: MessagingDeps): Messaging {
  let force = nothing
  /** Ends when the brokers know exactly the queues in force: the next configuration must not be declared in between. */
  let declared = Promise.resolve()
  const runs = new Set<Promise<void>>()
  const consumers = consumerSet()
  const jobs = sharedJobs({ log: deps.log, now: deps.epochNow })
  const brokerDeps = { log: deps.log, now: deps.epochNow, random: deps.random }
  const inForce: Publisher = {
    toQueue: (queue, message) => force.publisher.toQueue(queue, message),
    event: (name, message) => force.publisher.event(name, message),
  }
  const gate: EventGate = (message, allowed) => force.gate(message, allowed)
  const brokers = (): Broker[] => [...force.pool.values()].map(({ broker }) => broker)
  // One process is enough to look; the others would see the same.
  const sampler = deps.share.index === 0 ? queueSampler(brokers) : undefined
  const sampled = (): readonly QueueStats[] => sampler?.queues ?? []

  deps.metrics.messaging.brokers(() => brokers().map((broker) => broker.status()))
  deps.metrics.messaging.queues(sampled)

  const consumerOf = (config: GatewayConfig, one: ConsumerConfig, pool: BrokerPool, services: ReadonlyMap<string, Service>): RunningConsumer => {
    const queue = config.queues.find(({ name }) => name === one.queue)
    const broker = queue === undefined ? undefined : pool.get(queue.broker)?.broker
    if (queue === undefined || broker === undefined) throw new Error(`${one.origin}: queue ${one.queue} does not exist`)
    const service = one.deliverTo?.type === 'service' ? services.get(one.deliverTo.service) : undefined
    return {
      name: one.name,
      settings: consumerSettings(config, one.name),
      service,
      start: () =>
        consumer(one, {
          broker,
          queue,
          service,
          gate,
          operations: deps.operations,
          flows: deps.flows,
          publisher: inForce,
          jobs,
          metrics: deps.metrics,
          tracing: config.tracing,
          log: deps.log,
          share: deps.share,
          now: deps.now,
          epochNow: deps.epochNow,
          random: deps.random,
        }),
    }
  }

  const prepare: Messaging['prepare'] = async (config, services) => {
    await declared
    const before = force
    const brokersOf = await nextPool(config, before.pool, brokerDeps)
    const { pool } = brokersOf
    const abandon = async (): Promise<void> => {
      force = before
      await brokersOf.abandon()
    }
    try {
      const byName = new Map([...pool].map(([name, { broker }]) => [name, broker]))
      const to = publisher(byName, config.queues, config.events)
      const next: Force = { pool, publisher: to, gate: eventGate(config.events, (event, message) => to.event(event, message), config.queues) }
      const wanted = config.consumers.filter(({ deliverTo }) => deliverTo !== undefined).map((one) => consumerOf(config, one, pool, services))
      const jobsOf = await jobs.prepare(config)
      return {
        abandon,
        enter: () => {
          force = next
          jobsOf.enter()
        },
        run: () => {
          declared = brokersOf.enter()
          void declared.then(sampler?.look)
          const ran = run(config, before, next, wanted).finally(() => runs.delete(ran))
          runs.add(ran)
          return ran
        },
      }
    } catch (error) {
      await abandon()
      throw error
    }
  }

  const run = async (config: GatewayConfig, before: Force, entered: Force, wanted: readonly RunningConsumer[]): Promise<void> => {
    try {
      await consumers.run(wanted, config.shutdown.drainTimeoutMs)
    } catch (error) {
      deps.log.error({ err: error }, 'not all consumers could be brought in line with the configuration')
    }
    // A later configuration may have other consumers, whose series are none of this one's business.
    if (force === entered) deps.metrics.messaging.retain(new Set(wanted.map(({ name }) => name)))
    const kept = new Set(brokers())
    await Promise.all([...before.pool.values()].filter(({ broker }) => !kept.has(broker)).map(({ broker }) => closed(broker, deps)))
  }

  return {
    publisher: inForce,
    jobs,
    gate,
    prepare,
    pause: consumers.pause,
    status: () => ({ brokers: brokers().map((broker) => broker.status()), queues: sampled(), consumers: consumers.status() }),
    breakers: consumers.breakers,
    drain: consumers.drain,
    close: async () => {
      await consumers.drain(0)
      sampler?.close()
      await Promise.all([declared, ...runs])
      await Promise.all(brokers().map((broker) => closed(broker, deps)))
      await jobs.close()
    },
  }
}
