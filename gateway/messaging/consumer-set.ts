import type { GatewayConfig } from '../../config/model.ts'
import type { BreakerSample } from '../observe/metrics.ts'
import type { Service } from '../services/service.ts'
import type { Consumer, ConsumerStatus } from './consumer-contract.ts'
import { settingsText } from './settings-text.ts'

export interface RunningConsumer {
  readonly name: string
  /** Everything that defines it, as text, and the service it calls: it lives on as long as both stay the same. */
  readonly settings: string
  readonly service: Service | undefined
  readonly start: () => Consumer
}

/** The consumers of one process. */
export interface ConsumerSet {
  /**
   * Brings the running consumers in line with `wanted`: what did not change runs on with its deliveries in flight; what changed or is gone
   * is drained, and what changed starts again after that. Resolves when all has been replaced.
   */
  run(wanted: readonly RunningConsumer[], drainTimeoutMs: number): Promise<void>
  /** May come before the first `run`. @returns False when there is no such consumer. */
  pause(name: string, paused: boolean): boolean
  status(): readonly ConsumerStatus[]
  /** Circuit breakers of the services that consumers deliver to. */
  breakers(): readonly BreakerSample[]
  drain(timeoutMs: number): Promise<void>
}

interface Entry {
  readonly wanted: RunningConsumer
  readonly consumer: Consumer
}

interface Leaving {
  readonly consumer: Consumer
  readonly left: Promise<void>
}

export function consumerSet(): ConsumerSet {
  const running = new Map<string, Entry>()
  /** Consumers on their way out, by name: the next one of the name waits for it. */
  const leaving = new Map<string, Leaving>()
  /** What an operator said; outlives a change of the configuration. */
  const said = new Map<string, boolean>()
  let latest: readonly RunningConsumer[] | undefined
  let stopped = false

  const start = (wanted: RunningConsumer): void => {
    const consumer = wanted.start()
    running.set(wanted.name, { wanted, consumer })
    const paused = said.get(wanted.name)
    if (paused === true) consumer.pause()
    if (paused === false) consumer.resume()
  }

  const leave = (name: string, { consumer }: Entry, timeoutMs: number): void => {
    running.delete(name)
    leaving.set(name, { consumer, left: consumer.drain(timeoutMs).finally(() => leaving.delete(name)) })
  }
  const allLeft = (): Promise<unknown> => Promise.all([...leaving.values()].map(({ left }) => left))

  return {
    run: async (wanted, drainTimeoutMs) => {
      latest = wanted
      const byName = new Map(wanted.map((one) => [one.name, one]))
      for (const [name, entry] of running) if (!isSame(entry.wanted, byName.get(name))) leave(name, entry, drainTimeoutMs)
      for (const name of said.keys()) if (!byName.has(name)) said.delete(name)
      const replaced = wanted.map(async (one) => {
        if (running.has(one.name)) return
        await leaving.get(one.name)?.left
        // A later configuration may have come meanwhile, or the end.
        if (!stopped && latest === wanted && !running.has(one.name)) start(one)
      })
      await Promise.all([...replaced, allLeft()])
    },
    pause: (name, paused) => {
      if (latest?.some((one) => one.name === name) === false) return false
      said.set(name, paused)
      const entry = running.get(name)
      if (paused) entry?.consumer.pause()
      else entry?.consumer.resume()
      return true
    },
    // A name that is on its way out does not run at the same time.
    status: () => [...running.values(), ...leaving.values()].map(({ consumer }) => consumer.status()),
    breakers: () =>
      [...running.values()].flatMap(({ wanted, consumer }) => {
        const { breaker } = consumer.status()
        return wanted.service === undefined || breaker === undefined ? [] : [{ service: wanted.service.name, state: breaker.state }]
      }),
    drain: async (timeoutMs) => {
      stopped = true
      // Those on their way out may have been given more time than there is now.
      for (const { consumer } of leaving.values()) void consumer.drain(timeoutMs)
      for (const [name, entry] of running) leave(name, entry, timeoutMs)
      await allLeft()
    },
  }
}

const isSame = (now: RunningConsumer, next: RunningConsumer | undefined): boolean =>
  next !== undefined && now.settings === next.settings && now.service === next.service

/** What defines a consumer: when this text stays the same, it runs on. */
export const consumerSettings = (config: GatewayConfig, name: string): string => {
  const consumer = config.consumers.find((one) => one.name === name)
  const queue = config.queues.find((one) => one.name === consumer?.queue)
  const broker = config.brokers.find((one) => one.name === queue?.broker)
  return settingsText([{ ...consumer, origin: '' }, queue, broker, config.tracing])
}
