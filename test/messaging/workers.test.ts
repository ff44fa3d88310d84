import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { TestUpstream } from '../kit/upstream.ts'
import { runGateway } from '../support/headgate.ts'
import type { RunningGateway } from '../support/headgate.ts'

interface Seen {
  readonly key: string
  readonly n: number
}

let folder: string
let target: TestUpstream
let gateway: RunningGateway
/** Handled messages, in the order in which they were. */
let handled: Seen[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-workers-'))
  handled = []
  target = await startUpstream((_req, res, { body }) =>
    setTimeout(() => {
      handled.push(JSON.parse(body) as Seen)
      res.end()
    }, 2),
  )
  await writeFile(
    join(folder, 'gateway.yaml'),
    `
queues:
  work: { type: direct, durable: true }
  order: { type: direct, durable: true }
consumers:
  worker: { queue: work, prefetch: 10, concurrency: 4, deliver_to: { service: target, path: /work } }
  keeper: { queue: order, prefetch: 20, order_by: { body: /key }, deliver_to: { service: target, path: /order } }
services: { target: { urls: ["${target.url}"] } }
routing_rules:
  - { path: /work, methods: [POST], queue: work }
  - { path: /order, methods: [POST], queue: order }
`,
  )
  gateway = await runGateway(['--workers', '2'], { cwd: folder })
})

afterEach(async () => {
  gateway.child.kill('SIGKILL')
  await gateway.ended
  await target.close()
  await rm(folder, { recursive: true, force: true })
})

interface Status {
  readonly workerRestarts: number
  readonly workers: readonly { readonly worker: number; readonly pid: number }[]
  readonly consumers: readonly { readonly name: string; readonly state: string; readonly settled: { readonly ack: number } }[]
}

const status = async (): Promise<Status> => (await (await fetch(`${gateway.adminUrl}/status`)).json()) as Status
const consumerNamed = async (name: string) => (await status()).consumers.find((one) => one.name === name)

/** @returns Whether the gateway took it; a worker may die in the middle of it. */
const send = async (path: string, message: Seen): Promise<boolean> => {
  try {
    const headers = { 'content-type': 'application/json', connection: 'close' }
    return (await fetch(`${gateway.url}${path}`, { method: 'POST', body: JSON.stringify(message), headers })).status === 202
  } catch {
    return false
  }
}

const switched = (name: string, how: 'pause' | 'resume'): Promise<Response> =>
  fetch(`${gateway.adminUrl}/-/consumers/${name}/${how}`, { method: 'POST' })

const kill = async (worker: number): Promise<void> => {
  const { workers, workerRestarts } = await status()
  const victim = workers.find((one) => one.worker === worker)
  if (victim === undefined) throw new Error(`worker ${worker} does not run`)
  process.kill(victim.pid, 'SIGKILL')
  await until('the worker is replaced', async () => (await status()).workerRestarts === workerRestarts + 1, 15_000)
}

test('a paused consumer takes nothing in any worker, one that starts anew included, until it is resumed', async () => {
  expect((await switched('worker', 'pause')).status).toBe(200)
  for (let n = 0; n < 20; n += 1) expect(await send('/work', { key: 'a', n })).toBe(true)
  await kill(0)
  await kill(1)
  expect(await consumerNamed('worker')).toMatchObject({ state: 'paused', settled: { ack: 0 } })
  expect(handled).toEqual([])
  expect((await switched('worker', 'resume')).status).toBe(200)
  await until('all are handled', () => handled.length === 20)
  expect((await switched('nobody', 'pause')).status).toBe(404)
})

test('workers that are killed under load lose nothing that was taken, and keep what has an order in order', async () => {
  const taken: Seen[] = []
  let loading = true
  const client = async (path: string, key: string): Promise<void> => {
    for (let n = 0; loading; n += 1) if (await send(path, { key, n })) taken.push({ key, n })
  }
  const clients = [client('/work', 'w1'), client('/work', 'w2'), client('/order', 'o1'), client('/order', 'o2')]
  await until('there is load', () => handled.length > 50)
  await kill(0)
  await kill(1)
  loading = false
  await Promise.all(clients)
  const textOf = ({ key, n }: Seen): string => `${key} ${n}`
  const seen = (): Set<string> => new Set(handled.map(textOf))
  await until('all that was taken is handled', () => taken.map(textOf).every((text) => seen().has(text)), 20_000)
  for (const key of ['o1', 'o2']) {
    const firsts = [...seen()].filter((text) => text.startsWith(key)).map((text) => Number(text.slice(3)))
    expect(firsts).toEqual([...firsts].sort((left, right) => left - right))
  }
  expect(await gateway.stop()).toMatchObject({ exitCode: 0 })
})
