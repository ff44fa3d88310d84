import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FlowEngine } from '../gateway/flows/flow-engine.ts'
import { flowId } from '../gateway/flows/flow-record.ts'
import { sqliteRecordStore } from '../gateway/state/sqlite-record-store.ts'
import type { RecordStore } from '../gateway/state/record-store.ts'
import { flowGateway } from './flows/flow-gateway.ts'
import type { FlowTask } from './flows/flow-gateway.ts'
import { startShop } from './flows/shop.ts'
import type { Shop } from './flows/shop.ts'
import { killed } from './kit/child.ts'
import { until } from './kit/until.ts'

const leaseMs = 2000
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

let folder = ''
let shop: Shop
let store: RecordStore
let survivor: { readonly engine: FlowEngine; close(): Promise<void> }
const children = new Set<ChildProcess>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-flows-'))
  shop = await startShop()
  store = sqliteRecordStore({ path: join(folder, 'store.db'), log: silent, now: Date.now })
  survivor = flowGateway(store, shop.url, { leaseMs, renewMs: 500 })
})
afterAll(async () => {
  await Promise.all([...children].map(killed))
  await survivor.close()
  await store.close()
  await shop.close()
  await rm(folder, { recursive: true, force: true })
})

type Kill = { readonly at: 'write' | 'request'; readonly number: number; readonly when: 'before' | 'after' }

/** A process begins a flow and is killed; another one goes on with it. @returns Whether it was killed, and the writes it came to. */
async function trial(name: string, flow: FlowTask['flow'], kill: Kill | undefined): Promise<{ readonly signal: unknown; readonly writes: number }> {
  const write = kill?.at === 'write' ? { write: kill.number, when: kill.when } : undefined
  const task: FlowTask = { path: join(folder, 'store.db'), url: shop.url, flow, trial: name, leaseMs, kill: write }
  let child: ChildProcess | undefined = undefined
  if (kill?.at === 'request') shop.killAt(name, { request: kill.number, when: kill.when, victim: () => child })
  child = fork(fileURLToPath(new URL('./flows/flow-user.ts', import.meta.url)), [JSON.stringify(task)], { execArgv: [] })
  children.add(child)
  let writes = 0
  child.on('message', (count: number) => {
    writes = count
  })
  const [, signal] = (await once(child, 'exit')) as [unknown, unknown]
  children.delete(child)
  return { signal, writes }
}

const endings = {
  succeeds: { state: 'completed', actions: ['pay', 'reserve', 'ship'], writes: 5, requests: 3 },
  fails: { state: 'compensated', actions: ['pay', 'refund', 'reserve', 'undo_reserve'], writes: 7, requests: 5 },
} as const

const kills = (flow: keyof typeof endings): Kill[] =>
  (['write', 'request'] as const).flatMap((at) =>
    Array.from({ length: endings[flow][at === 'write' ? 'writes' : 'requests'] }, (_, index) => index + 1).flatMap((number) =>
      (['before', 'after'] as const).map((when) => ({ at, number, when })),
    ),
  )

describe.each(['succeeds', 'fails'] as const)('a flow that %s', (flow) => {
  const { state, actions, writes, requests } = endings[flow]

  test('takes one write before each call, and one at its end', async () => {
    const name = `${flow}-undisturbed`
    expect(await trial(name, flow, undefined)).toEqual({ signal: null, writes })
    expect([shop.requests(name), [...shop.effects(name).keys()].toSorted()]).toEqual([requests, actions])
    expect((await survivor.engine.get(flowId(flow, 'test', name)))?.state).toBe(state)
  }, 60_000)

  test('ends the same when its process is killed at any boundary of a step, with one effect for each', async () => {
    const waiting = kills(flow).entries()
    const seen: object[] = []
    const lane = async (): Promise<void> => {
      for (const [index, kill] of waiting) {
        const name = `${flow}-${index}`
        const { signal } = await trial(name, flow, kill)
        const id = flowId(flow, 'test', name)
        const begun = !(kill.at === 'write' && kill.number === 1 && kill.when === 'before')
        if (begun) await until(`flow ${name} has ended`, async () => (await survivor.engine.get(id))?.state === state, 30_000)
        const effects = [...shop.effects(name)].map(([action, keys]) => [action, keys.size] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))
        seen.push({ kill, signal, effects })
        expect({ kill, signal, effects }).toEqual({ kill, signal: 'SIGKILL', effects: begun ? actions.map((action) => [action, 1]) : [] })
      }
    }
    await Promise.all(Array.from({ length: 8 }, lane))
    expect(seen).toHaveLength(2 * (writes + requests))
  }, 240_000)
})
