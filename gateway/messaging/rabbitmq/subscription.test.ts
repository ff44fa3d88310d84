import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { brokerDeps, rabbitmqConfig } from '../../../test/kit/rabbitmq-broker.ts'
import { nodeAddresses } from './address.ts'
import { Courier } from './courier.ts'
import { Link } from './link.ts'
import { Locks } from './locks.ts'
import { Outbox } from './outbox.ts'
import { RabbitmqSubscription } from './subscription.ts'
import { Topology } from './topology.ts'

test('a subscription that has ended leaves nothing behind at its connection', async () => {
  const deps = brokerDeps()
  const config = rabbitmqConfig(['amqp://127.0.0.1:1'])
  const link = new Link({ role: 'consume', broker: config.name, nodes: nodeAddresses(config), connectTimeoutMs: 100 }, deps)
  const topology = new Topology(config, link, deps)
  const outbox = new Outbox(link, { timeoutMs: 100, maxUnconfirmed: 1, onMissing: () => undefined })
  const tools = { link, topology, locks: new Locks(link), courier: new Courier(outbox, topology, deps), deps }
  const before = getEventListeners(link.signal, 'abort').length
  const options = { queue: 'work', prefetch: 1, holdMs: Infinity, exclusive: false, consumer: 'orders' }
  const subscription = new RabbitmqSubscription(options, () => undefined, tools)
  await subscription.stop()
  await subscription.ended
  // The connection itself may be pausing between two attempts.
  const pausing = 1
  expect(getEventListeners(link.signal, 'abort').length).toBeLessThanOrEqual(before + pausing)
  await link.close()
})
