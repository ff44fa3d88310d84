import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer, get } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { headgate, runGateway } from './support/headgate.ts'
import type { RunningGateway } from './support/headgate.ts'

let upstream: Server
let upstreamUrl: string
let folder: string
let gateway: RunningGateway | undefined

beforeAll(async () => {
  upstream = createServer((request, response) => {
    const slowMs = Number(/slow=(\d+)/.exec(request.url ?? '')?.[1] ?? 0)
    setTimeout(() => response.end('upstream'), slowMs)
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
})

afterAll(() => {
  upstream.closeAllConnections()
  upstream.close()
})

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-workers-'))
})

afterEach(async () => {
  gateway?.child.kill('SIGKILL')
  await gateway?.ended
  gateway = undefined
  await rm(folder, { recursive: true })
})

const writeConfig = (greeting: string): Promise<void> =>
  writeFile(
    join(folder, 'gateway.yaml'),
    `
routing_rules:
  - { path: /api/*, service: users, timeout: 20s }
  - { path: /greeting, respond: { body: ${greeting} } }
services:
  users: { urls: ["${upstreamUrl}"] }
`,
  )

const started = async (): Promise<RunningGateway> => {
  await writeConfig('one')
  gateway = await runGateway(['--workers', '2'], { cwd: folder })
  return gateway
}

interface Status {
  readonly generation: number
  readonly requestsInFlight: number
  readonly workerRestarts: number
  readonly workers: readonly { readonly worker: number; readonly pid: number; readonly hash: string }[]
}

const status = async ({ adminUrl }: RunningGateway): Promise<Status> => (await (await fetch(`${adminUrl}/status`)).json()) as Status

const reload = ({ adminUrl }: RunningGateway): Promise<Response> => fetch(`${adminUrl}/-/reload`, { method: 'POST' })

/** Sum over all series of a counter. */
const total = async ({ adminUrl }: RunningGateway, name: string): Promise<number> => {
  const lines = (await (await fetch(`${adminUrl}/metrics`)).text()).split('\n').filter((line) => line.startsWith(`${name}{`))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

/** Body of an answer. Every call without an agent has a connection of its own, so that the kernel spreads calls over the workers. */
const body = (url: string, agent?: Agent): Promise<string> =>
  new Promise((resolve, reject) => {
    get(url, { agent: agent ?? false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve(text))
      response.on('error', reject)
    }).on('error', reject)
  })

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('all workers serve one port, and the metrics are the sum of theirs', async () => {
  const running = await started()
  const bodies = await Promise.all(Array.from({ length: 60 }, () => body(`${running.url}/api/x`)))
  expect(new Set(bodies)).toEqual(new Set(['upstream']))
  expect(await total(running, 'headgate_requests_total')).toBe(60)
  expect(await total(running, 'integration_latency_ms_count')).toBe(60)
  const { workers } = await status(running)
  expect(workers.map(({ worker }) => worker)).toEqual([0, 1])
  expect(new Set(workers.map(({ hash }) => hash)).size).toBe(1)
})

test('a reload that is answered with 200 is in force in every worker', async () => {
  const running = await started()
  for (const greeting of ['two', 'three', 'four']) {
    await writeConfig(greeting)
    expect((await reload(running)).status).toBe(200)
    expect(new Set(await Promise.all(Array.from({ length: 30 }, () => body(`${running.url}/greeting`))))).toEqual(new Set([greeting]))
  }
  expect((await status(running)).generation).toBe(4)
})

test('a worker that is killed under load costs only what it had in hand, and is replaced with the configuration in force', async () => {
  const running = await started()
  await writeConfig('two')
  expect((await reload(running)).status).toBe(200)
  const [victim] = (await status(running)).workers
  if (victim === undefined) throw new Error('no worker')
  let loading = true
  let failed = 0
  let answered = 0
  const client = async (): Promise<void> => {
    while (loading) {
      await body(`${running.url}/api/x`).then(
        () => (answered += 1),
        () => (failed += 1),
      )
    }
  }
  const clients = Array.from({ length: 8 }, client)
  await vi.waitFor(() => expect(answered).toBeGreaterThan(100), { timeout: 10_000 })
  const before = await total(running, 'headgate_requests_total')
  process.kill(victim.pid, 'SIGKILL')
  await vi.waitFor(async () => expect((await status(running)).workerRestarts).toBe(1), { timeout: 15_000 })
  expect(await total(running, 'headgate_requests_total')).toBeGreaterThanOrEqual(before)
  loading = false
  await Promise.all(clients)
  // Each of the eight clients has one request at a time: a second failure of one would be a refused connection.
  expect(failed).toBeLessThanOrEqual(8)
  const { workers } = await status(running)
  expect(workers.find(({ worker }) => worker === victim.worker)?.pid).not.toBe(victim.pid)
  expect(new Set(workers.map(({ hash }) => hash)).size).toBe(1)
  expect(new Set(await Promise.all(Array.from({ length: 30 }, () => body(`${running.url}/greeting`))))).toEqual(new Set(['two']))
  expect(running.err()).toContain(`worker ${victim.worker} ended unexpectedly (signal SIGKILL); starting another`)
})

test('a bad configuration changes no worker', async () => {
  const running = await started()
  await writeFile(join(folder, 'gateway.yaml'), 'routing_rules: [\n')
  expect((await reload(running)).status).toBe(422)
  expect(new Set(await Promise.all(Array.from({ length: 30 }, () => body(`${running.url}/greeting`))))).toEqual(new Set(['one']))
  expect((await status(running)).generation).toBe(1)
})

test('SIGTERM lets all workers finish, then all are gone', async () => {
  const running = await started()
  const agent = new Agent({ keepAlive: true })
  const { workers } = await status(running)
  const answers = Array.from({ length: 40 }, () => body(`${running.url}/api/x?slow=1500`, agent))
  await vi.waitFor(async () => expect((await status(running)).requestsInFlight).toBe(40), { timeout: 8000 })
  const ended = running.stop()
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['upstream']))
  expect(await ended).toMatchObject({ exitCode: 0, signal: null })
  expect(workers.filter(({ pid }) => isRunning(pid))).toEqual([])
  agent.destroy()
})

test('workers do not outlive their supervisor', async () => {
  const running = await started()
  const { workers } = await status(running)
  running.child.kill('SIGKILL')
  await vi.waitFor(() => expect(workers.filter(({ pid }) => isRunning(pid))).toEqual([]), { timeout: 8000 })
})

test('a second gateway does not share the port in silence', async () => {
  const running = await started()
  const { port } = new URL(running.url)
  const outcome = await headgate(['run', '--workers', '2', '--listen', `127.0.0.1:${port}`, '--admin', '127.0.0.1:0'], { cwd: folder })
  expect(outcome.exitCode).toBe(1)
  expect(outcome.err).toContain(`127.0.0.1:${port} is already in use.`)
})
