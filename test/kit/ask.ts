import { request } from 'node:http'
import type { Agent, IncomingHttpHeaders } from 'node:http'

export interface Asked {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly ms: number
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  /** Without one every request has a connection of its own. */
  readonly agent?: Agent
}

/**
 * One request with a plain client that neither retries nor decodes nor follows.
 * @throws Error when the connection breaks off before the answer is whole.
 */
export function ask(url: string, options: AskOptions = {}): Promise<Asked> {
  const { method = 'GET', headers = {}, body, agent } = options
  const startedAtMs = performance.now()
  return new Promise((resolve, reject) => {
    const req = request(url, { method, headers, agent: agent ?? false }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          body: Buffer.concat(chunks).toString('latin1'),
          ms: performance.now() - startedAtMs,
        }),
      )
    })
    req.on('error', reject)
    req.end(body)
  })
}

/** @returns The result of the last `ask`, and how many there were of each status. */
export async function askMany(count: number, one: (index: number) => Promise<Asked>): Promise<Record<string, number>> {
  const answers = await Promise.all(Array.from({ length: count }, (_, index) => one(index)))
  const statuses: Record<string, number> = {}
  for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1
  return statuses
}
