import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EmbeddedBrokerConfig, QueueConfig } from '../../../../config/model.ts'
import { directQueue } from '../../../../test/kit/messages.ts'
import type { Broker, SubscribeOptions } from '../../broker.ts'
import type { Delivery } from '../../delivery.ts'
import { embeddedBroker } from '../broker.ts'

/** A line that a broker has logged. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
}

export const workQueue = directQueue('work')

export const work = { exchange: 'work', routingKey: 'work' }

export const configOf = (path: string): EmbeddedBrokerConfig => ({
  name: 'default',
  type: 'embedded',
  path,
  maxMessageBytes: 16 * 1024 * 1024,
  publishTimeoutMs: 10_000,
  maxUnconfirmed: 2000,
})

export const subscription = (differences: Partial<SubscribeOptions> = {}): SubscribeOptions => ({
  queue: 'work',
  prefetch: 10,
  holdMs: Infinity,
  exclusive: false,
  consumer: 'test',
  ...differences,
})

/** A folder with a broker file, and what opens it. */
export interface Scene {
  readonly path: string
  readonly logged: LogLine[]
  /** Ahead of the real time; may be changed. */
  clock: { aheadMs: number }
  /** With `queues` declared. */
  open(queues?: readonly QueueConfig[], config?: Partial<EmbeddedBrokerConfig>): Promise<Broker>
  /** The same with the program that fails on demand. */
  openFaulty(queues?: readonly QueueConfig[]): Promise<Broker>
  close(): Promise<void>
}

export async function scene(): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-embedded-'))
  const path = join(folder, 'broker.db')
  const brokers: Broker[] = []
  const logged: LogLine[] = []
  const clock = { aheadMs: 0 }
  const line = (level: LogLine['level']) => (_fields: object, text: string) => {
    logged.push({ level, message: text })
  }
  const deps = {
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    now: () => Date.now() + clock.aheadMs,
    random: Math.random,
  }
  const declared = async (broker: Broker, queues: readonly QueueConfig[]): Promise<Broker> => {
    brokers.push(broker)
    await broker.declare(queues)
    return broker
  }
  return {
    path,
    logged,
    clock,
    open: (queues = [workQueue], config = {}) => declared(embeddedBroker({ ...configOf(path), ...config }, deps), queues),
    openFaulty: (queues = [workQueue]) => declared(embeddedBroker(configOf(path), deps, new URL('./faulty-program.ts', import.meta.url)), queues),
    close: async () => {
      await Promise.all(brokers.map((broker) => broker.close()))
      await rm(folder, { recursive: true })
    },
  }
}

/** Collects the deliveries of a subscription, unsettled. */
export function collect(broker: Broker, differences: Partial<SubscribeOptions> = {}): { readonly deliveries: Delivery[] } {
  const deliveries: Delivery[] = []
  broker.subscribe(subscription(differences), (delivery) => deliveries.push(delivery))
  return { deliveries }
}
