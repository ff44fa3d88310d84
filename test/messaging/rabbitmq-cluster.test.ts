import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Broker } from '../../gateway/messaging/broker.ts'
import type { Delivery } from '../../gateway/messaging/delivery.ts'
import { describeBroker } from '../contracts/broker-suite.ts'
import { directQueue, message } from '../kit/messages.ts'
import { openRabbitmqBroker, rabbitmqHarness } from '../kit/rabbitmq-broker.ts'
import { rabbitmqSource, startRabbitmq } from '../kit/rabbitmq.ts'
import type { RabbitmqServer } from '../kit/rabbitmq.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'

const source = await rabbitmqSource()

describe.skipIf(skips(source))(`three RabbitMQ nodes${missing(source)}`, () => {
  describeBroker('a RabbitMQ cluster', rabbitmqHarness(3))
})

describe.skipIf(skips(source))(`a RabbitMQ cluster that loses a node${missing(source)}`, () => {
  let server: RabbitmqServer
  let broker: Broker
  beforeAll(async () => {
    server = await startRabbitmq({ nodes: 3 })
    broker = openRabbitmqBroker(server.urls, { publishTimeoutMs: 3000 })
  }, 120_000)
  afterAll(async () => {
    await broker.close()
    await server.stop()
  })

  test('while a queue has lost its majority nothing is copied to it twice', async () => {
    const work = directQueue('cluster.copies')
    await broker.declare([work])
    const declaredAtMs = performance.now()
    const held: Delivery[] = []
    const subscription = broker.subscribe({ queue: work.name, prefetch: 1, holdMs: Infinity, exclusive: false, consumer: 'copies' }, (delivery) => {
      held.push(delivery)
    })
    const publish = (): Promise<void> => broker.publish({ exchange: work.exchange, routingKey: work.name }, message())
    await publish()
    // A node that is killed within a second of making a quorum queue forgets where it is.
    await until('it is delivered', () => held.length === 1 && performance.now() > declaredAtMs + 2000)
    const others = server.nodes.filter(({ port }) => !broker.status().address.endsWith(`:${port}`))
    await Promise.all(others.map((node) => node.kill()))
    const settled = held[0]?.settle({ outcome: 'dead_letter', reason: 'rejected', attempts: 1, error: { type: 'status_400', message: 'no' } })
    // Twice the time after which a publisher is told that nothing is known.
    for (let times = 0; times < 2; times += 1) await expect(publish()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    await Promise.all(others.map((node) => node.restart()))
    await settled
    await until('the letter is there', async () => ((await broker.stats())[0]?.deadLetters ?? 0) > 0, 20_000)
    expect((await broker.stats())[0]?.deadLetters).toBe(1)
    await subscription.stop()
  }, 90_000)

  test('publishing resumes within 5 s of the leader being killed, and nothing that was confirmed is lost', async () => {
    await broker.declare([queue])
    const seen = new Set<string>()
    broker.subscribe({ queue: queue.name, prefetch: 50, holdMs: Infinity, exclusive: false, consumer: 'cluster' }, (delivery) => {
      seen.add(delivery.message.id)
      void delivery.settle({ outcome: 'ack' }).catch(() => undefined)
    })
    const confirmed: string[] = []
    const publish = async (): Promise<boolean> => {
      const id = randomUUID()
      const stored = await broker.publish({ exchange: queue.exchange, routingKey: queue.name }, { ...message(), id }).then(
        () => true,
        () => false,
      )
      if (stored) confirmed.push(id)
      return stored
    }
    for (let count = 0; count < 200; count += 1) await publish()
    const leader = (await server.node.ctl('eval', leaderOf)).replaceAll(/\W*(rabbit\d@localhost)[^]*/g, '$1')
    const killed = server.nodes.find((node) => node.name === leader)
    expect(killed).toBeDefined()
    await killed?.kill()
    const killedAtMs = performance.now()
    await until('a publish is confirmed again', publish, 10_000)
    expect(performance.now() - killedAtMs).toBeLessThan(5000)
    for (let count = 0; count < 200; count += 1) await publish()
    await until('every confirmed message has come', () => confirmed.every((id) => seen.has(id)), 10_000)
    expect(confirmed.length).toBeGreaterThan(350)
  })
})

const queue = directQueue('cluster.work')

const leaderOf = `{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${queue.name}">>)), element(2, amqqueue:get_pid(Q)).`
