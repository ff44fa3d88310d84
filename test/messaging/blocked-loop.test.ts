import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import { rabbitmqSource, startRabbitmq } from '../kit/rabbitmq.ts'
import type { RabbitmqServer } from '../kit/rabbitmq.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

const source = await rabbitmqSource()

describe.skipIf(skips(source))(`row 84: a process that is held up for several heartbeats${missing(source)}`, () => {
  let server: RabbitmqServer
  beforeAll(async () => {
    server = await startRabbitmq()
  })
  afterAll(() => server.stop())

  test('says so, connects again, and loses nothing', { timeout: 60_000 }, async () => {
    const target = await startUpstream()
    const gateway = await startGateway(`
brokers: { default: { type: rabbitmq, urls: ["${server.node.url}"], heartbeat: 1s } }
queues: { work: { type: direct, durable: true } }
consumers: { worker: { queue: work, prefetch: 5, deliver_to: { service: target, path: /work } } }
services: { target: { urls: ["${target.url}"] } }
routing_rules: [{ path: /work, methods: [POST], queue: work }]
`)
    try {
      const taken = new Set<string>()
      const post = async (): Promise<void> => {
        const response = await fetch(`${gateway.url}/work`, { method: 'POST', body: 'x' })
        if (response.status === 202) taken.add(((await response.json()) as { id: string }).id)
      }
      for (let count = 0; count < 50; count += 1) await post()
      // Heartbeats go every second; the server gives a silent peer up after three of them.
      const endMs = performance.now() + 6000
      while (performance.now() < endMs) Math.random()
      await until('the hold-up is in the log', () => gateway.log.some((line) => line.includes('held up the event loop')), 10_000)
      await until('messages are taken again', async () => (await fetch(`${gateway.url}/work`, { method: 'POST', body: 'x' })).status === 202, 20_000)
      await post()
      expect(taken.size).toBe(51)
      const delivered = (): Set<unknown> => new Set(target.seen.map(({ headers }) => headers['ce-id']))
      await until('all that was taken is delivered', () => [...taken].every((id) => delivered().has(id)), 20_000)
    } finally {
      await gateway.close()
      await target.close()
    }
  })
})
