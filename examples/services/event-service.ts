import type { Api } from './json-server.ts'

/** What a service has seen of one event or message. */
interface Received {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly data: unknown
}

/** Kept in memory; the oldest are forgotten. */
const maxKept = 1000

/**
 * Takes CloudEvents in binary mode at `POST /events`, and messages of queues at `POST /messages`; `GET` on either shows what has come. The
 * same id twice is one event: what arrives through a queue may arrive again.
 */
export const eventService = (): Api => {
  const received = new Map<string, Map<string, Received>>([
    ['/events', new Map()],
    ['/messages', new Map()],
  ])
  return (method, path, body, headers) => {
    const kept = received.get(path)
    if (kept === undefined) return undefined
    if (method === 'GET') return { status: 200, body: [...kept.values()] }
    if (method !== 'POST') return undefined
    const [id, type, source] = ['ce-id', 'ce-type', 'ce-source'].map((name) => headers[name])
    if (typeof id !== 'string' || typeof type !== 'string') return { status: 400, body: { error: 'ce-id and ce-type are needed' } }
    kept.set(id, { id, type, source: String(source ?? ''), data: body })
    const [oldest] = kept.keys()
    if (kept.size > maxKept && oldest !== undefined) kept.delete(oldest)
    return { status: 202, body: { id } }
  }
}
