import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ask } from '../kit/ask.ts'
import type { Asked } from '../kit/ask.ts'
import { redisSource, startRedis, startRedisFailover } from '../kit/redis.ts'
import type { RedisFailover, RedisServer } from '../kit/redis.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'
import { runGateway } from '../support/headgate.ts'
import type { RunningGateway } from '../support/headgate.ts'

const source = await redisSource()

const commandTimeoutMs = 1000

/** Of a machine that is busy with the load, the gateway and Redis at once. */
const marginMs = 1500

const yaml = (store: string): string => `
messaging: { store: { type: redis, ${store} } }
queues: { orders: {} }
routing_rules:
  - { path: /orders, methods: [POST], queue: orders }
access_log: { enabled: false }
`

let folder = ''
let gateway: RunningGateway
const startGateway = async (store: string): Promise<void> => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-redis-door-'))
  await writeFile(join(folder, 'gateway.yaml'), yaml(store))
  gateway = await runGateway([], { cwd: folder })
}

const agent = new Agent({ keepAlive: true, maxSockets: 2000 })
afterEach(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true, force: true })
})
afterAll(() => agent.destroy())

/** Memory of the gateway alone: the clients of this test need some as well. */
const residentBytes = async (): Promise<number> =>
  Number(/^process_resident_memory_bytes (\d+)/m.exec((await ask(`${gateway.adminUrl}/metrics`)).body)?.[1])

interface Answer extends Asked {
  readonly key: string
  /** Milliseconds on the clock of `performance`. */
  readonly beganAtMs: number
}

const post = async (key: string): Promise<Answer> => {
  const beganAtMs = performance.now()
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  return { key, beganAtMs, ...(await ask(`${gateway.url}/orders`, { method: 'POST', agent, headers, body: `{"key":"${key}"}` })) }
}

const idOf = ({ body }: Asked): unknown => (JSON.parse(body) as { readonly id: unknown }).id

/** Clients that do not wait for each other. */
function startLoad(name: string, perSecond: number): { readonly answers: Answer[]; stop(): Promise<void> } {
  const answers: Answer[] = []
  const open = new Set<Promise<unknown>>()
  const beganAtMs = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    for (const due = ((performance.now() - beganAtMs) * perSecond) / 1000; sent < due; sent += 1) {
      const answered = post(`${name}-${sent}`)
        .then((answer) => answers.push(answer))
        .finally(() => open.delete(answered))
      // Whether all were answered is what `stop` tells; a test that failed before has other troubles.
      answered.catch(() => undefined)
      open.add(answered)
    }
  }, 5)
  onTestFinished(() => clearInterval(timer))
  return {
    answers,
    stop: async () => {
      clearInterval(timer)
      await Promise.all(open)
    },
  }
}

/** Every one of them is given the job of then, and none is stored once more. */
async function expectReplays(acknowledged: readonly Answer[]): Promise<void> {
  const wrong: string[] = []
  for (let from = 0; from < acknowledged.length; from += 100) {
    await Promise.all(
      acknowledged.slice(from, from + 100).map(async (first) => {
        let again = await post(first.key)
        // Stored while the store was away, and not yet known to it.
        await until('the key is no longer held', async () => again.status !== 409 || (again = await post(first.key)).status !== 409, 15_000)
        if (idOf(again) !== idOf(first) || again.headers['idempotent-replayed'] !== 'true') wrong.push(`${first.key}: ${again.status} ${again.body}`)
      }),
    )
  }
  expect(wrong).toEqual([])
}

const accepted = (answers: readonly Answer[]): Answer[] => answers.filter(({ status }) => status === 202)

describe.skipIf(skips(source))(`a door whose Redis is away${missing(source)}`, () => {
  let redis: RedisServer

  /** In full: 60 s. */
  const awayMs = 3000
  const perSecond = 1000
  const maxGrowthBytes = 50 * 1024 * 1024

  beforeAll(async () => {
    redis = await startRedis(['save ""', 'appendonly yes', 'appendfsync always'])
  })
  afterAll(() => redis.stop())

  const ways = {
    frozen: { lose: () => Promise.resolve(redis.server.freeze()), mend: () => Promise.resolve(redis.server.thaw()) },
    killed: { lose: () => redis.server.kill(), mend: () => redis.server.start() },
  }

  test.each(['frozen', 'killed'] as const)(
    '(%s) answers 503 within its time, in bounded memory, and works again by itself',
    async (how) => {
      await startGateway(`urls: ["${redis.url}"], command_timeout: ${commandTimeoutMs}ms`)
      const before = startLoad(`before-${how}`, perSecond)
      await until('it is at work', () => accepted(before.answers).length > perSecond, 15_000)
      await before.stop()
      const beforeBytes = await residentBytes()

      const during = startLoad(`during-${how}`, perSecond)
      await until('it is at work again', () => accepted(during.answers).length > 100)
      const lostAtMs = performance.now()
      await ways[how].lose()
      let mostBytes = 0
      await until(
        'the time of the trouble has passed',
        async () => {
          mostBytes = Math.max(mostBytes, await residentBytes())
          return performance.now() - lostAtMs > awayMs
        },
        awayMs + 5000,
      )
      await ways[how].mend()
      const mendedAtMs = performance.now()
      await until('requests are taken again', () => accepted(during.answers).some(({ beganAtMs }) => beganAtMs > mendedAtMs), 10_000)
      await during.stop()

      const refused = during.answers.filter(({ status }) => status !== 202)
      expect(refused.length).toBeGreaterThan((perSecond * awayMs) / 2000)
      expect(new Set(refused.map(({ status, headers }) => `${status} ${headers['retry-after']}`))).toEqual(new Set(['503 5']))
      // Afterwards, the time of the broker counts as well.
      const whileAway = during.answers.filter(({ beganAtMs }) => beganAtMs > lostAtMs && beganAtMs < mendedAtMs)
      expect(Math.max(...whileAway.map(({ ms }) => ms))).toBeLessThan(commandTimeoutMs + marginMs)
      expect(mostBytes - beforeBytes).toBeLessThan(maxGrowthBytes)
      await expectReplays(accepted([...before.answers, ...during.answers]))
      const lines = [...gateway.out().split('\n'), ...gateway.err().split('\n')].filter((line) =>
        line.includes('the store for the status of messages'),
      )
      expect(lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg)).toEqual([
        'the store for the status of messages cannot be used',
        'the store for the status of messages works again',
      ])
    },
    60_000,
  )
})

describe.skipIf(skips(source))(`a door whose Redis fails over${missing(source)}`, () => {
  let redis: RedisFailover

  const kills = 5
  const perSecond = 100
  const reconnectMs = 5000

  beforeAll(async () => {
    redis = await startRedisFailover()
  })
  afterAll(() => redis.stop())

  test(`finds the new primary ${kills} times, and loses no key that was acknowledged`, async () => {
    const urls = redis.urls.map((url) => `"${url}"`).join(', ')
    await startGateway(`urls: [${urls}], sentinel: { name: ${redis.name} }, wait: { replicas: 1 }`)
    const load = startLoad('key', perSecond)
    const away: number[] = []
    for (let kill = 0; kill < kills; kill += 1) {
      await redis.whole()
      const heldUp = accepted(load.answers).length
      await until('requests are taken', () => accepted(load.answers).length > heldUp + 50, 15_000)
      const startAgain = await redis.killPrimary()
      const killedAtMs = performance.now()
      const taken = (): Answer | undefined => load.answers.find(({ status, beganAtMs }) => status === 202 && beganAtMs > killedAtMs)
      await until('requests are taken again', () => taken() !== undefined, 20_000)
      away.push((taken()?.beganAtMs ?? 0) - killedAtMs)
      await startAgain()
    }
    await load.stop()
    expect(new Set(load.answers.map(({ status }) => status))).toEqual(new Set([202, 503]))
    expect(away.filter((ms) => ms > reconnectMs)).toEqual([])
    await expectReplays(accepted(load.answers))
  }, 120_000)
})
