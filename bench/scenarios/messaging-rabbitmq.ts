/**
 * Consuming and acknowledging from a real RabbitMQ: the gateway's broker against the barest loop over the same client library.
 * Alone: node bench/scenarios/messaging-rabbitmq.ts [MESSAGES]
 */
import { once } from 'node:events'
import { connect } from 'amqplib'
import type { RabbitmqBrokerConfig } from '../../config/model.ts'
import { rabbitmqBroker } from '../../gateway/messaging/rabbitmq/broker.ts'
import { directQueue } from '../../test/kit/messages.ts'
import { startRabbitmq } from '../../test/kit/rabbitmq.ts'
import { consumeAll, prefetch, publishAll, quiet } from '../messaging/load.ts'
import { median } from '../statistics.ts'

export interface RabbitmqResult {
  readonly messages: number
  readonly rounds: number
  /** Messages per second, consumed and acknowledged: medians. */
  readonly bare: number
  readonly headgate: number
}

const queue = 'bench'

const settings = (url: string): RabbitmqBrokerConfig => ({
  name: 'default',
  type: 'rabbitmq',
  urls: [url],
  maxMessageBytes: 2 ** 24,
  publishTimeoutMs: 10_000,
  maxUnconfirmed: 1000,
  heartbeatMs: 10_000,
  connectTimeoutMs: 5000,
  queueType: 'quorum',
})

const bareLoop = async (url: string, messages: number): Promise<number> => {
  const connection = await connect(url)
  const channel = await connection.createChannel()
  await channel.prefetch(prefetch)
  let settled = 0
  let finish: () => void = () => undefined
  const done = new Promise<void>((resolve) => {
    finish = resolve
  })
  const startedAtMs = performance.now()
  await channel.consume(queue, (message) => {
    if (message === null) return
    channel.ack(message)
    settled += 1
    if (settled === messages) finish()
  })
  await done
  const seconds = (performance.now() - startedAtMs) / 1000
  const closed = once(connection, 'close')
  await connection.close()
  await closed
  return messages / seconds
}

export const measureRabbitmq = async (messages: number, rounds: number): Promise<RabbitmqResult> => {
  const server = await startRabbitmq()
  const { url } = server.node
  const broker = rabbitmqBroker(settings(url), quiet)
  const rates = { bare: [] as number[], headgate: [] as number[] }
  try {
    await broker.declare([directQueue(queue)])
    for (let round = 0; round < rounds; round += 1) {
      await publishAll(broker, queue, messages)
      rates.bare.push(await bareLoop(url, messages))
      await publishAll(broker, queue, messages)
      const startedAtMs = performance.now()
      await consumeAll(broker, queue, messages)
      rates.headgate.push(messages / ((performance.now() - startedAtMs) / 1000))
    }
    return { messages, rounds, bare: median(rates.bare), headgate: median(rates.headgate) }
  } finally {
    await broker.close()
    await server.stop()
  }
}

if (import.meta.main) console.log(await measureRabbitmq(Number(process.argv[2] ?? 20_000), 3))
