import { beforeEach, expect, test } from 'vitest'
import { absentFlows, absentIntents } from '../test/kit/absent.ts'
import type { Diagnostic } from '../config/diagnostics/diagnostic.ts'
import type { LoadResult } from '../config/load.ts'
import type { Address, GatewayConfig } from '../config/model.ts'
import { controller } from './controller.ts'
import type { Controller } from './controller.ts'
import type { Fleet } from './fleet.ts'

const adminAddress: Address = { host: '127.0.0.1', port: 9900 }

// The controller reads no more of a configuration than this.
const configOf = (hash: string, address = adminAddress): GatewayConfig => ({ hash, admin: { address } }) as GatewayConfig

const finding: Diagnostic = {
  code: 'HG1003',
  severity: 'error',
  title: 'unknown key',
  message: '`x` is not a key.',
  location: { file: 'gateway.yaml', line: 5, column: 7, endLine: 5, endColumn: 8 },
}

const loadedAs = (config: GatewayConfig | undefined, diagnostics: readonly Diagnostic[] = []): LoadResult => ({
  config,
  diagnostics,
  sources: new Map(),
  watch: [],
  effective: undefined,
})

let applied: string[]
let admins: string[]
let reloads: { ok: boolean; generation: number; hash: string }[]
let refused: number
let unready: string | undefined
let apply: (config: GatewayConfig) => Promise<void>
let load: () => Promise<LoadResult>
let gateway: Controller

const fleet: Fleet = {
  apply: (config) => apply(config),
  listeners: [],
  unready: () => unready,
  status: () => Promise.resolve({ connections: 3 }),
  metrics: () => Promise.resolve('# metrics\n'),
  consumers: () => Promise.resolve([]),
  pauseConsumer: () => Promise.resolve(false),
  drain: () => Promise.resolve({ drained: true }),
  close: () => Promise.resolve(),
}

beforeEach(() => {
  applied = []
  admins = []
  reloads = []
  refused = 0
  unready = undefined
  apply = async (config) => void applied.push(config.hash)
  load = async () => loadedAs(configOf('a'))
  gateway = controller({
    fleet,
    load: () => load(),
    desk: { deadLetters: () => undefined, close: () => Promise.resolve() },
    providers: { flows: absentFlows, intents: absentIntents },
    openAdmin: async (address) => {
      admins.push(`open ${address.port}`)
      return { address, close: async () => void admins.push(`close ${address.port}`) }
    },
    log: { info: () => undefined, error: () => undefined },
    onReload: (outcome) => reloads.push(outcome),
    onRefused: async () => {
      refused += 1
    },
    onApplied: () => undefined,
    now: () => 0,
    about: { version: '1' },
  })
})

const startWith = (hash: string): Promise<void> => gateway.start(configOf(hash), loadedAs(configOf(hash)))

test('is not ready before the first configuration is in force, nor while it drains', async () => {
  expect(gateway.ready()).toEqual({ ready: false, reason: 'starting' })
  await startWith('a')
  expect(gateway.ready()).toEqual({ ready: true })
  unready = 'no worker is running'
  expect(gateway.ready()).toEqual({ ready: false, reason: 'no worker is running' })
  unready = undefined
  await gateway.drain()
  expect(gateway.ready()).toEqual({ ready: false, reason: 'draining' })
})

test('a changed configuration is a new generation', async () => {
  await startWith('a')
  load = async () => loadedAs(configOf('b'))
  expect(await gateway.reload()).toMatchObject({ ok: true, changed: true, generation: 2, hash: 'b' })
  expect(applied).toEqual(['a', 'b'])
  expect(reloads).toEqual([
    { ok: true, generation: 1, hash: 'a' },
    { ok: true, generation: 2, hash: 'b' },
  ])
})

test('the same configuration is no new generation', async () => {
  await startWith('a')
  expect(await gateway.reload()).toMatchObject({ ok: true, changed: false, generation: 1 })
  expect(applied).toEqual(['a'])
})

test('findings leave the old configuration in force', async () => {
  await startWith('a')
  load = async () => loadedAs(undefined, [finding])
  expect(await gateway.reload()).toEqual({
    ok: false,
    changed: false,
    generation: 1,
    hash: 'a',
    error: 'gateway.yaml:5:7 HG1003 `x` is not a key.',
    diagnostics: [finding],
  })
  expect(refused).toBe(1)
  expect(applied).toEqual(['a'])
  expect(await gateway.status()).toMatchObject({
    generation: 1,
    hash: 'a',
    connections: 3,
    version: '1',
    lastReload: { ok: false, at: '1970-01-01T00:00:00.000Z', trigger: 'admin' },
  })
})

test('a file that cannot be read leaves the old configuration in force', async () => {
  await startWith('a')
  load = () => Promise.reject(new Error('gateway.yaml does not exist'))
  expect(await gateway.reload()).toMatchObject({ ok: false, generation: 1, error: 'gateway.yaml does not exist' })
})

test('a fleet that refuses leaves the old configuration and the old admin listener in force', async () => {
  await startWith('a')
  load = async () => loadedAs(configOf('b', { host: '127.0.0.1', port: 9901 }))
  apply = () => Promise.reject(new Error('port in use'))
  expect(await gateway.reload()).toMatchObject({ ok: false, generation: 1, hash: 'a', error: 'port in use' })
  expect(admins).toEqual(['open 9900', 'open 9901', 'close 9901'])
  expect(gateway.adminAddress?.port).toBe(9900)
})

test('another admin address moves the admin listener, the new one first', async () => {
  await startWith('a')
  load = async () => loadedAs(configOf('b', { host: '127.0.0.1', port: 9901 }))
  await gateway.reload()
  expect(admins).toEqual(['open 9900', 'open 9901', 'close 9900'])
})

test('reloads take turns, and all that come during one share the next', async () => {
  await startWith('a')
  let running = 0
  let most = 0
  let loads = 0
  load = async () => {
    running += 1
    loads += 1
    most = Math.max(most, running)
    await Promise.resolve()
    running -= 1
    return loadedAs(configOf(`load ${loads}`))
  }
  const results = await Promise.all(Array.from({ length: 10 }, () => gateway.reloadFrom('file')))
  expect(most).toBe(1)
  expect(loads).toBe(2)
  expect(results.slice(1).map(({ hash }) => hash)).toEqual(Array.from({ length: 9 }, () => 'load 2'))
})

test('nothing is reloaded once it drains', async () => {
  await startWith('a')
  await gateway.drain()
  load = async () => loadedAs(configOf('b'))
  expect(await gateway.reload()).toMatchObject({ ok: false, error: 'the gateway is shutting down' })
  expect(applied).toEqual(['a'])
})

test('a start that fails leaves no admin listener behind', async () => {
  apply = () => Promise.reject(new Error('port in use'))
  await expect(startWith('a')).rejects.toThrow('port in use')
  expect(admins).toEqual(['open 9900', 'close 9900'])
})
