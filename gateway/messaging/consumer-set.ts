import type { GatewayConfig } from '../../config/model.ts'
import type { BreakerSample } from '../observe/metrics.ts'
import type { Service } from '../services/service.ts'
import type { Consumer, ConsumerStatus } from './consumer-contract.ts'

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
  /** @returns False when there is no such consumer. */
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

export function consumerSet(): ConsumerSet {
  const running = new Map<string, Entry>()
  /** Consumers on their way out, by name: the next one of the name waits for it. */
  const leaving = new Map<string, Promise<void>>()
  /** What an operator said; outlives a change of the configuration. */
  const said = new Map<string, boolean>()
  let latest: readonly RunningConsumer[] = []
  let stopped = false

  const start = (wanted: RunningConsumer): void => {
    const consumer = wanted.start()
    running.set(wanted.name, { wanted, consumer })
    const paused = said.get(wanted.name)
    if (paused === true) consumer.pause()
    if (paused === false) consumer.resume()
  }

  const leave = (name: string, entry: Entry, timeoutMs: number): Promise<void> => {
    running.delete(name)
    const left = entry.consumer.drain(timeoutMs).finally(() => {
      if (leaving.get(name) === left) leaving.delete(name)
    })
    leaving.set(name, left)
    return left
  }

  return {
    run: async (wanted, drainTimeoutMs) => {
      latest = wanted
      const byName = new Map(wanted.map((one) => [one.name, one]))
      for (const [name, entry] of running) if (!isSame(entry.wanted, byName.get(name))) void leave(name, entry, drainTimeoutMs)
      for (const name of said.keys()) if (!byName.has(name)) said.delete(name)
      const replaced = wanted.map(async (one) => {
        if (running.has(one.name)) return
        await leaving.get(one.name)
        // A later configuration may have come meanwhile, or the end.
        if (!stopped && latest === wanted && !running.has(one.name)) start(one)
      })
      await Promise.all([...replaced, ...leaving.values()])
    },
    pause: (name, paused) => {
      const entry = running.get(name)
      if (entry === undefined && !latest.some((one) => one.name === name)) return false
      said.set(name, paused)
      if (paused) entry?.consumer.pause()
      else entry?.consumer.resume()
      return true
    },
    status: () => [...running.values()].map(({ consumer }) => consumer.status()),
    breakers: () =>
      [...running.values()].flatMap(({ wanted, consumer }) => {
        const { breaker } = consumer.status()
        return wanted.service === undefined || breaker === undefined ? [] : [{ service: wanted.service.name, state: breaker.state }]
      }),
    drain: async (timeoutMs) => {
      stopped = true
      for (const [name, entry] of running) void leave(name, entry, timeoutMs)
      await Promise.all(leaving.values())
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
  return JSON.stringify([{ ...consumer, origin: '' }, queue, broker, config.tracing], (_key, value: unknown) =>
    value === Infinity ? 'never' : value,
  )
}
