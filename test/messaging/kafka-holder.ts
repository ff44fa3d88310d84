import { kafkaBroker } from '../../gateway/messaging/kafka/broker.ts'
import { directQueue } from '../kit/messages.ts'
import { brokerDeps, kafkaConfig } from './kafka-broker.ts'

/**
 * A process that takes from a queue until it is killed: settles what says so in its header `settle`, holds the rest, and tells the ids. Arguments:
 * server, queue.
 */
const [server = '', name = ''] = process.argv.slice(2)
const broker = kafkaBroker(kafkaConfig([server]), brokerDeps())
await broker.declare([directQueue(name)])
broker.subscribe({ queue: name, prefetch: 100, holdMs: Infinity, exclusive: false, consumer: 'holder' }, (delivery) => {
  const { id, headers } = delivery.message
  if (headers['settle'] === 'ack') void delivery.settle({ outcome: 'ack' }).then(() => process.stdout.write(`settled ${id}\n`))
  else process.stdout.write(`held ${id}\n`)
})
