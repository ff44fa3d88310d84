import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readdir, rename, rm, mkdtemp, writeFile } from 'node:fs/promises'
import { Agent, createServer, get } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { freePort } from './kit/upstream.ts'
import { until } from './kit/until.ts'
import { headgate, runGateway } from './support/headgate.ts'
import type { RunningGateway } from './support/headgate.ts'

let upstream: Server
let upstreamUrl: string
let folder: string
let gateway: RunningGateway | undefined

beforeAll(async () => {
  upstream = createServer((request, response) => {
    const slowMs = Number(/slow=(\d+)/.exec(request.url ?? '')?.[1] ?? 0)
    setTimeout(() => response.end(`upstream ${request.url}`), slowMs)
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
})

afterAll(() => {
  upstream.closeAllConnections()
  upstream.close()
})

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-run-'))
})

afterEach(async () => {
  gateway?.child.kill('SIGKILL')
  await gateway?.ended
  gateway = undefined
  await rm(folder, { recursive: true })
})

const configuration = (greeting: string): string => `
routing_rules:
  - path: /api/users/*
    service: users
    timeout: 5s
  - path: /greeting
    respond: { body: ${greeting} }
services:
  users: { urls: ["${upstreamUrl}"] }
`

const writeConfig = (text: string): Promise<void> => writeFile(join(folder, 'gateway.yaml'), text)

const started = async (args: readonly string[] = []): Promise<RunningGateway> => {
  await writeConfig(configuration('one'))
  gateway = await runGateway(args, { cwd: folder })
  return gateway
}

const greeting = async ({ url }: RunningGateway): Promise<string> => (await fetch(`${url}/greeting`)).text()

const waiting = { timeout: 8000, interval: 20 }

interface Status {
  readonly generation: number
  readonly hash: string
  readonly lastReload: {
    readonly ok: boolean
    readonly trigger: string
    readonly diagnostics?: readonly { readonly code: string }[]
    readonly error?: string
  }
}

const status = async ({ adminUrl }: RunningGateway): Promise<Status> => (await (await fetch(`${adminUrl}/status`)).json()) as Status

const metric = async ({ adminUrl }: RunningGateway, name: string): Promise<string | undefined> =>
  (await (await fetch(`${adminUrl}/metrics`)).text()).split('\n').find((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))

test('serves the routes of ./gateway.yaml and says where', async () => {
  const running = await started()
  expect(await (await fetch(`${running.url}/api/users/42?x=1`)).text()).toBe('upstream /api/users/42?x=1')
  expect((await fetch(`${running.adminUrl}/readyz`)).status).toBe(200)
  expect(await status(running)).toMatchObject({ generation: 1, ready: { ready: true }, lastReload: { ok: true, trigger: 'start' } })
})

test('the access log is all that stands on standard output', async () => {
  const running = await started()
  await fetch(`${running.url}/api/users/42`)
  const { out } = await running.stop()
  const lines = out.trimEnd().split('\n')
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ method: 'GET', path: '/api/users/42', status: 200 })
})

test('an edit is picked up', async () => {
  const running = await started()
  await writeConfig(configuration('two'))
  await expect.poll(() => greeting(running), waiting).toBe('two')
  expect(await status(running)).toMatchObject({ generation: 2, lastReload: { ok: true, trigger: 'file' } })
})

test('a file that another is renamed over is picked up, and so are later edits', async () => {
  const running = await started()
  await writeFile(join(folder, 'next'), configuration('two'))
  await rename(join(folder, 'next'), join(folder, 'gateway.yaml'))
  await expect.poll(() => greeting(running), waiting).toBe('two')
  await writeConfig(configuration('three'))
  await expect.poll(() => greeting(running), waiting).toBe('three')
})

test('a bad file keeps the old configuration serving, and says so in the log, in /status and in the metrics', async () => {
  const running = await started()
  const before = await status(running)
  await writeConfig(configuration('two').replace('timeout: 5s', 'timeot: 5s'))
  await vi.waitFor(async () => expect((await status(running)).lastReload.ok).toBe(false), { timeout: 8000 })
  expect(await greeting(running)).toBe('one')
  const after = await status(running)
  expect(after).toMatchObject({ generation: 1, hash: before.hash, lastReload: { trigger: 'file' } })
  expect(after.lastReload.diagnostics?.length).toBeGreaterThan(0)
  expect(running.err()).toContain('gateway.yaml:5:5 error')
  expect(running.err()).toContain('reload failed, the old configuration keeps serving')
  expect(await metric(running, 'headgate_config_reload_success')).toBe('headgate_config_reload_success 0')
  await writeConfig(configuration('three'))
  await expect.poll(() => greeting(running), waiting).toBe('three')
  expect(await metric(running, 'headgate_config_reload_success')).toBe('headgate_config_reload_success 1')
})

test('a file that is deleted keeps the old configuration serving; its return is picked up', async () => {
  const running = await started()
  await rm(join(folder, 'gateway.yaml'))
  await vi.waitFor(async () => expect((await status(running)).lastReload.ok).toBe(false), { timeout: 8000 })
  expect(await greeting(running)).toBe('one')
  await writeConfig(configuration('two'))
  await expect.poll(() => greeting(running), waiting).toBe('two')
})

test('SIGHUP loads the configuration again', async () => {
  const running = await started()
  running.child.kill('SIGHUP')
  await vi.waitFor(async () => expect((await status(running)).lastReload).toMatchObject({ trigger: 'signal', ok: true, changed: false }), {
    timeout: 8000,
  })
  expect((await status(running)).generation).toBe(1)
})

test('POST /-/reload answers what came of it: 200, or 422 with the findings', async () => {
  const running = await started()
  const good = await fetch(`${running.adminUrl}/-/reload`, { method: 'POST' })
  expect(good.status).toBe(200)
  expect(await good.json()).toMatchObject({ ok: true, generation: 1, changed: false })
  await writeConfig('routing_rules: 5\n')
  const bad = await fetch(`${running.adminUrl}/-/reload`, { method: 'POST' })
  expect(bad.status).toBe(422)
  expect(JSON.stringify(await bad.json())).toContain('routing_rules')
  expect(await greeting(running)).toBe('one')
})

test('POST /-/reload says why a file that is gone cannot be loaded', async () => {
  const running = await started()
  await rm(join(folder, 'gateway.yaml'))
  const bad = await fetch(`${running.adminUrl}/-/reload`, { method: 'POST' })
  expect(bad.status).toBe(422)
  const answered = (await bad.json()) as { error: string }
  expect(answered.error).toContain('gateway.yaml')
})

test('100 bad reloads leave the first configuration serving', async () => {
  const running = await started()
  await writeConfig('routing_rules: [\n')
  for (let round = 0; round < 100; round += 1) expect((await fetch(`${running.adminUrl}/-/reload`, { method: 'POST' })).status).toBe(422)
  expect(await greeting(running)).toBe('one')
  expect((await status(running)).generation).toBe(1)
})

test('a burst of reloads runs one after another and twice at most', async () => {
  const running = await started()
  await writeConfig(configuration('two'))
  const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${running.adminUrl}/-/reload`, { method: 'POST' })))
  expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 20 }, () => 200))
  expect(await greeting(running)).toBe('two')
  expect((await status(running)).generation).toBe(2)
})

test('no request fails over 100 reloads under load', async () => {
  const running = await started()
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const failures: unknown[] = []
  let requests = 0
  let reloading = true
  const client = async (): Promise<void> => {
    while (reloading) {
      requests += 1
      await answer(`${running.url}/api/users/1`, agent).then(
        ({ statusCode }) => statusCode !== 200 && failures.push(statusCode),
        (error: unknown) => failures.push(error),
      )
    }
  }
  const clients = Array.from({ length: 8 }, client)
  for (let round = 0; round < 100; round += 1) {
    await writeConfig(configuration(`round-${round}`))
    expect((await fetch(`${running.adminUrl}/-/reload`, { method: 'POST' })).status).toBe(200)
  }
  reloading = false
  await Promise.all(clients)
  agent.destroy()
  expect(failures).toEqual([])
  expect(requests).toBeGreaterThan(100)
  expect(await greeting(running)).toBe('round-99')
})

test('200 reloads leave no file, socket or watch behind', async () => {
  const running = await started()
  const reloads = async (count: number): Promise<number> => {
    for (let round = 0; round < count; round += 1) {
      await writeConfig(configuration(`round-${count}-${round}`))
      expect((await fetch(`${running.adminUrl}/-/reload`, { method: 'POST' })).status).toBe(200)
    }
    return (await readdir(`/proc/${running.child.pid ?? 0}/fd`)).length
  }
  const first = await reloads(5)
  const last = await reloads(195)
  // The admin connection of this test may be one more or one less.
  expect(Math.abs(last - first)).toBeLessThanOrEqual(1)
})

const answer = (url: string, agent?: Agent): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    get(url, agent === undefined ? {} : { agent }, (response) => {
      response.resume()
      response.on('end', () => resolve(response))
      response.on('error', reject)
    }).on('error', reject)
  })

test('200 requests in flight at SIGTERM are all answered, then it ends with 0', async () => {
  const running = await started()
  const agent = new Agent({ keepAlive: true })
  const answers = Array.from({ length: 200 }, () => answer(`${running.url}/api/users/1?slow=1500`, agent))
  await vi.waitFor(async () => expect(await status(running)).toMatchObject({ requestsInFlight: 200 }), { timeout: 8000 })
  const ended = running.stop()
  expect((await Promise.all(answers)).map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 200 }, () => 200))
  expect(await ended).toMatchObject({ exitCode: 0, signal: null })
  agent.destroy()
})

test('readiness fails before the listeners close', async () => {
  await writeConfig(`${configuration('one')}\nshutdown: { delay: 500ms }\n`)
  gateway = await runGateway([], { cwd: folder })
  const running = gateway
  const ended = running.stop()
  await vi.waitFor(async () => expect((await fetch(`${running.adminUrl}/readyz`)).status).toBe(503), { timeout: 8000, interval: 5 })
  expect((await fetch(`${running.adminUrl}/livez`)).status).toBe(200)
  expect(await greeting(running)).toBe('one')
  expect((await ended).exitCode).toBe(0)
})

test('a second signal ends it at once', async () => {
  const running = await started()
  const cut = answer(`${running.url}/api/users/1?slow=10000`).then(
    () => 'answered',
    () => 'cut off',
  )
  await vi.waitFor(async () => expect(await status(running)).toMatchObject({ requestsInFlight: 1 }))
  running.child.kill('SIGINT')
  await vi.waitFor(async () => expect((await fetch(`${running.adminUrl}/readyz`)).status).toBe(503))
  running.child.kill('SIGINT')
  expect((await running.ended).exitCode).toBe(130)
  expect(await cut).toBe('cut off')
})

test('an address in use is one plain sentence, and nothing is left running', async () => {
  const running = await started()
  const { port } = new URL(running.url)
  const outcome = await headgate(['run', '--listen', `127.0.0.1:${port}`, '--admin', '127.0.0.1:0'], { cwd: folder })
  expect(outcome.exitCode).toBe(1)
  expect(outcome.err).toContain(`127.0.0.1:${port} is already in use.`)
  expect(outcome.err).not.toContain('    at ')
})

test('a wrong configuration stops the start with its findings', async () => {
  await writeConfig(configuration('one').replace('service: users', 'service: user'))
  const outcome = await headgate(['run', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'], { cwd: folder })
  expect(outcome.exitCode).toBe(1)
  expect(outcome.err).toContain('gateway.yaml:4:')
  expect(outcome.out).toBe('')
})

test('without ./gateway.yaml it says what to do', async () => {
  const outcome = await headgate(['run'], { cwd: folder })
  expect(outcome.exitCode).toBe(2)
  expect(outcome.err).toBe(`error: There is no gateway.yaml in this folder (${folder}). Create one, or name a file or folder.\n`)
})

test('for a person it prints tables of listeners, routes and services', async () => {
  const running = await started()
  expect(running.err()).toContain('"event":"serving"')
  await writeConfig(configuration('one'))
  const { start } = await import('./support/headgate.ts')
  const person = start(['run', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'], { cwd: folder })
  await vi.waitFor(() => expect(person.err()).toContain('Ctrl-C stops it'), { timeout: 15_000 })
  person.child.kill('SIGTERM')
  const { err, exitCode } = await person.ended
  expect(exitCode).toBe(0)
  expect(err).toMatch(/listener +url\n +main +http:\/\/127\.0\.0\.1:\d+\n +admin +http:\/\/127\.0\.0\.1:\d+\n/)
  expect(err).toMatch(/\/api\/users\/\* +all +users +5s +0\n/)
  expect(err).toContain(`users    ${upstreamUrl}`)
})

// Makes the running process fail on demand, the way a fault in it would.
const failingOn = (statement: string): Record<string, string> => ({
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2', () => { ${statement} })`)}`,
})

test.each([
  ['an exception that nobody catches', "throw new Error('boom')"],
  ['a rejection that nobody handles', "Promise.reject(new Error('boom'))"],
])('%s is logged; requests in flight finish, then it ends with 1', async (_, statement) => {
  await writeConfig(configuration('one'))
  gateway = await runGateway([], { cwd: folder, env: failingOn(statement) })
  const running = gateway
  const inFlight = answer(`${running.url}/api/users/1?slow=500`)
  await vi.waitFor(async () => expect(await status(running)).toMatchObject({ requestsInFlight: 1 }))
  running.child.kill('SIGUSR2')
  expect((await inFlight).statusCode).toBe(200)
  const { exitCode, err } = await running.ended
  expect(exitCode).toBe(1)
  expect(err).toContain('unexpected error, the process ends: boom')
})

test('a connection that sends nothing does not keep it from ending', async () => {
  const running = await started()
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1')
  await new Promise<void>((resolve) => socket.on('connect', () => resolve()))
  socket.on('error', () => undefined)
  expect((await running.stop()).exitCode).toBe(0)
  socket.destroy()
})

test('a log that cannot be written keeps the gateway neither from serving nor from stopping', async () => {
  await writeConfig(configuration('one'))
  const [port, adminPort] = [await freePort(), await freePort()]
  const full = openSync('/dev/full', 'w')
  const main = join(import.meta.dirname, '../cli/main.ts')
  const addresses = ['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`]
  const child = spawn(process.execPath, [main, 'run', ...addresses], { cwd: folder, stdio: ['ignore', full, full] })
  const exited = once(child, 'exit')
  try {
    const greets = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/greeting`).then(
        ({ ok }) => ok,
        () => false,
      )
    await until('the gateway serves', greets, 15_000)
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  } finally {
    child.kill('SIGKILL')
    closeSync(full)
  }
})
