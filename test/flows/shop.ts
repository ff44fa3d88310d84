import type { ChildProcess } from 'node:child_process'
import { startUpstream } from '../kit/upstream.ts'
import type { TestUpstream } from '../kit/upstream.ts'

/** When the gateway that is being served is killed. */
export interface DeadlyRequest {
  /** Counted from 1 over the requests of a trial. */
  readonly request: number
  /** Before the request has its effect, or after that and before it is answered. */
  readonly when: 'before' | 'after'
  readonly victim: () => ChildProcess | undefined
}

/** What a shop has done for one trial: keys by action. */
export type Effects = ReadonlyMap<string, ReadonlySet<string>>

/** Services that know idempotency keys: one effect for each key, and the same answer for its repetitions. `refuse` never has an effect. */
export interface Shop {
  readonly url: string
  effects(trial: string): Effects
  requests(trial: string): number
  killAt(trial: string, deadly: DeadlyRequest): void
  close(): Promise<void>
}

export async function startShop(): Promise<Shop> {
  const trials = new Map<string, Map<string, Set<string>>>()
  const counts = new Map<string, number>()
  const deadly = new Map<string, DeadlyRequest>()

  const upstream: TestUpstream = await startUpstream((req, res, { url, headers }) => {
    const [, trial = '', action = ''] = url.split('/')
    const count = (counts.get(trial) ?? 0) + 1
    counts.set(trial, count)
    const plan = deadly.get(trial)
    const kills = plan?.request === count ? plan.when : undefined
    const end = (): void => {
      plan?.victim()?.kill('SIGKILL')
      req.socket.destroy()
    }
    if (kills === 'before') return end()
    const key = String(headers['idempotency-key'])
    if (action !== 'refuse') {
      const actions = trials.get(trial) ?? new Map<string, Set<string>>()
      trials.set(trial, actions)
      actions.set(action, (actions.get(action) ?? new Set()).add(key))
    }
    if (kills === 'after') return end()
    res.writeHead(action === 'refuse' ? 422 : 201, { 'content-type': 'application/json' })
    res.end(JSON.stringify({ action, key }))
  })

  return {
    url: upstream.url,
    effects: (trial) => trials.get(trial) ?? new Map(),
    requests: (trial) => counts.get(trial) ?? 0,
    killAt: (trial, plan) => void deadly.set(trial, plan),
    close: () => upstream.close(),
  }
}
