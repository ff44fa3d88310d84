import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { unsealed } from '../../../gateway/state/sealed-ids.ts'
import { freePort } from '../../kit/upstream.ts'
import { until } from '../../kit/until.ts'
import { chance } from '../chance.ts'
import { startNode } from '../child.ts'
import type { Child } from '../child.ts'
import { type Check, type RunResult, type Scenario, type Surroundings, exactly } from '../scenario.ts'
import { nowMs } from '../sender.ts'
import { unrulyShop } from './flow-shop.ts'
import type { ShopBook } from './flow-shop.ts'

const sizes = { full: { flows: 2000, kills: 20 }, short: { flows: 120, kills: 3 } }
const lanes = 10
/** Every so many flows one is refused by its last step. */
const refusedEach = 4
const settleTimeoutMs = 180_000

const program = fileURLToPath(new URL('../../../cli/headgate.js', import.meta.url))

const configuration = (port: number, adminPort: number, shopUrl: string): string => `
listeners: { main: { address: "127.0.0.1:${port}" } }
admin: { address: "127.0.0.1:${adminPort}" }
services:
  shop: { urls: ["${shopUrl}"] }
flows:
  order:
    wait: 0s
    deadline: 1h
    steps:
${['reserve', 'charge', 'ship']
  .map(
    (name) => `      - name: ${name}
        service: shop
        path: "/{{ input.trial }}/${name}"
        body: { order: "{{ input.trial }}" }
        timeout: 5s
        retry: { max_attempts: 100, base_delay: 20ms, max_delay: 200ms }
        compensation: { service: shop, path: "/{{ input.trial }}/undo_${name}" }
`,
  )
  .join('')}
routing_rules:
  - { path: /orders, methods: [POST], flow: order, idempotency: { required: true } }
`

interface ShownFlow {
  readonly id: string
  readonly state: string
}

/** The one flow of a trial: what it says of itself, against what the shop has done. */
interface Story {
  readonly refused: boolean
  readonly state: string | undefined
}

async function run(surroundings: Surroundings): Promise<RunResult> {
  const { flows, kills } = sizes[surroundings.size]
  const startedAtMs = nowMs()
  const random = chance(surroundings.seed)
  const folder = await mkdtemp(join(tmpdir(), 'headgate-chaos-'))
  const refuses = (trial: string): boolean => Number(trial.slice(1)) % refusedEach === 0
  const shop = await unrulyShop(random, refuses)
  const [port, adminPort] = [await freePort(), await freePort()]
  const [url, adminUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`]
  await writeFile(join(folder, 'gateway.yaml'), configuration(port, adminPort, shop.url))
  const tell = (line: string): void => surroundings.tell(`flow-kill on embedded: ${line}`)
  const ids = new Map<string, string>()
  let gateway: Child | undefined
  let kept = false

  const start = async (): Promise<void> => {
    const started = startNode([program, 'run', '-c', 'gateway.yaml'], { cwd: folder, logFile: join(folder, 'gateway.log') })
    gateway = started
    const serves = async (): Promise<boolean> => {
      if (!started.running) throw new Error(`the gateway did not start; its log is ${join(folder, 'gateway.log')}`)
      return (await fetch(`${adminUrl}/readyz`).catch(() => undefined))?.ok === true
    }
    await until('the gateway serves', serves, 30_000)
  }

  /** Sends it until it is acknowledged: with its key it is one flow, however often it comes. */
  const begin = async (trial: string): Promise<void> => {
    for (;;) {
      try {
        const body = JSON.stringify({ trial })
        const headers = { 'content-type': 'application/json', 'idempotency-key': trial }
        const answer = await fetch(`${url}/orders`, { method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) })
        const document = (await answer.json()) as { readonly id?: string }
        if (answer.status === 202 && document.id !== undefined) return void ids.set(trial, unsealed(document.id))
        // It had ended already when it came again.
        if (answer.status === 200 || answer.status === 502 || answer.status === 422) return void ids.set(trial, unsealed(document.id ?? ''))
      } catch {
        // Cut off by a kill.
      }
      await sleep(50)
    }
  }

  const states = async (): Promise<ReadonlyMap<string, number>> => {
    const counts = new Map<string, number>()
    for (const flow of await listed(adminUrl)) counts.set(flow.state, (counts.get(flow.state) ?? 0) + 1)
    return counts
  }

  try {
    await start()
    const waiting = Array.from({ length: flows }, (_, index) => `t${index + 1}`).values()
    const lane = async (): Promise<void> => {
      for (const trial of waiting) await begin(trial)
    }
    const sent = Promise.all(Array.from({ length: lanes }, lane))
    for (let kill = 1; kill <= kills; kill += 1) {
      const after = Math.floor(((kill - 1 + random()) / kills) * flows * 2.5)
      await until(`${after} requests of flows`, () => shop.requests() >= after, 120_000)
      tell(`kill ${kill} of ${kills}, after ${shop.requests()} requests of ${ids.size} flows`)
      await gateway?.kill('SIGKILL')
      await start()
    }
    await sent
    shop.calm()
    tell(`${flows} flows acknowledged; waiting for the last of them`)
    const quiet = async (): Promise<boolean> => {
      const counts = await states()
      return (counts.get('running') ?? 0) + (counts.get('compensating') ?? 0) === 0
    }
    await until('all flows have ended', quiet, settleTimeoutMs).catch(() => undefined)
    const ended = await listed(adminUrl)
    const stories = ended.map(({ id, state }): [string, Story] => {
      const trial = [...ids].find(([, known]) => known === id)?.[0] ?? id
      return [trial, { refused: refuses(trial), state }]
    })
    const how = (await gateway?.kill('SIGTERM')) ?? 'ended before'
    const checks = judged(new Map(stories), shop.book, flows, how)
    kept = checks.every((one) => one.kept)
    const duplicated = doubledOf(shop.book)
    const counts = { attempted: flows, acknowledged: ids.size, lost: flows - ended.length, duplicated, duplicatedOfResent: 0 }
    const all = { ...counts, unexpected: 0, deadLettered: 0, failedAttempts: 0 }
    return { scenario: 'flow-kill', broker: 'embedded', counts: all, checks, seconds: (nowMs() - startedAtMs) / 1000 }
  } finally {
    await gateway?.kill('SIGKILL')
    await shop.close()
    if (kept) await rm(folder, { recursive: true, force: true })
    else surroundings.tell(`configuration, logs and store are kept in ${folder}`)
  }
}

async function listed(adminUrl: string): Promise<readonly ShownFlow[]> {
  const found: ShownFlow[] = []
  let cursor: string | undefined = ''
  while (cursor !== undefined) {
    const page = (await (await fetch(`${adminUrl}/-/flows?limit=1000${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)).json()) as {
      readonly flows: readonly ShownFlow[]
      readonly cursor?: string
    }
    found.push(...page.flows)
    cursor = page.flows.length === 0 ? undefined : page.cursor
  }
  return found
}

const done = ['charge', 'reserve', 'ship'] as const
const undone = ['charge', 'reserve', 'undo_charge', 'undo_reserve'] as const

/** Keys beyond the first of an action: each of them would be an effect that was had twice. */
const doubledOf = (book: ShopBook): number =>
  [...book.values()].flatMap((actions) => [...actions.values()]).reduce((sum, keys) => sum + keys.size - 1, 0)

function judged(stories: ReadonlyMap<string, Story>, book: ShopBook, flows: number, how: string): readonly Check[] {
  const actions = (trial: string): string =>
    [...(book.get(trial)?.keys() ?? [])]
      .filter((name) => name !== 'undo_ship')
      .toSorted()
      .join(' ')
  const all = [...stories]
  const wrong = all.filter(([trial, { refused, state }]) => {
    if (refused) return state !== 'compensated' || actions(trial) !== undone.join(' ')
    return state !== 'completed' || actions(trial) !== done.join(' ')
  })
  return [
    exactly('every flow that was acknowledged is known', stories.size, flows),
    exactly('every flow ended completed, or fully compensated', wrong.length, 0),
    exactly('no effect was had under two keys', doubledOf(book), 0),
    { promise: 'the gateway stops when it is told to', kept: how === 'exit 0', seen: how },
  ]
}

export const flowKill: Scenario = {
  name: 'flow-kill',
  about: `the gateway killed ${sizes.full.kills} times during ${sizes.full.flows.toLocaleString('en')} flows over services that lose answers`,
  brokers: ['embedded'],
  run: (_broker, surroundings) => run(surroundings),
}
