import { startUpstream } from '../../kit/upstream.ts'
import type { TestUpstream } from '../../kit/upstream.ts'

/** What a shop has done: by trial, by action, the keys that had an effect. */
export type ShopBook = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>

/** Services that know idempotency keys, in a bad network: answers are lost before and after the effect, some are 500, 503 or 429. */
export interface UnrulyShop {
  readonly url: string
  readonly book: ShopBook
  readonly requests: () => number
  /** From now on every answer arrives. */
  calm(): void
  close(): Promise<void>
}

/** @param refuses Whether the trial fails at its last step. */
export async function unrulyShop(random: () => number, refuses: (trial: string) => boolean): Promise<UnrulyShop> {
  const book = new Map<string, Map<string, Set<string>>>()
  let requests = 0
  let calm = false
  const effect = (trial: string, action: string, key: string): void => {
    const actions = book.get(trial) ?? new Map<string, Set<string>>()
    book.set(trial, actions)
    actions.set(action, (actions.get(action) ?? new Set()).add(key))
  }
  const upstream: TestUpstream = await startUpstream((req, res, { url, headers }) => {
    const [, trial = '', action = ''] = url.split('/')
    const key = String(headers['idempotency-key'])
    requests += 1
    const luck = calm ? 1 : random()
    const say = (status: number): void => {
      res.writeHead(status, { 'content-type': 'application/json' })
      res.end(JSON.stringify({ action, key }))
    }
    if (luck < 0.1) return void req.socket.destroy()
    if (luck < 0.15) return say(500)
    if (luck < 0.2) return say(503)
    if (luck < 0.25) return say(429)
    if (action === 'ship' && refuses(trial)) return say(422)
    effect(trial, action, key)
    if (luck < 0.35) return void req.socket.destroy()
    say(201)
  })
  return {
    url: upstream.url,
    book,
    requests: () => requests,
    calm: () => {
      calm = true
    },
    close: () => upstream.close(),
  }
}
