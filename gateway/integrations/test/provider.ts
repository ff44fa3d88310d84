import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * What the provider does with the next request: `ok` executes, `lost_answer` executes and breaks off, `lost_request` breaks off before,
 * a number is answered without executing, `stored_500` executes nothing and answers the same for this key ever after, `silent` executes and
 * never answers.
 */
export type Fault =
  | 'ok'
  | 'lost_answer'
  | 'lost_request'
  | 'silent'
  | 'stored_500'
  | 'garbage'
  | 'declined'
  | number
  | { readonly status: number; readonly retryAfter: string }

/** A payment provider with the rules of idempotency keys that Stripe has, over real HTTP. */
export interface TestProvider {
  readonly url: string
  readonly port: number
  /** Keys of the requests that came, in their order. */
  readonly keys: readonly string[]
  /** Effects by key: never more than one for each. */
  readonly charges: ReadonlyMap<string, number>
  /** Of charges, whatever their key. */
  readonly executed: number
  /** What happens to the next requests; `ok` afterwards. */
  script(...faults: readonly Fault[]): void
  /** What happens to a request that no script is for. */
  otherwise: () => Fault
  /** Whether keys are kept; false for a provider that does everything again. */
  keepsKeys: boolean
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

export async function startProvider(): Promise<TestProvider> {
  const stored = new Map<string, { status: number; body: string }>()
  const charges = new Map<string, number>()
  const keys: string[] = []
  let faults: Fault[] = []
  let executed = 0

  const charge = (key: string): { status: number; body: string } => {
    executed += 1
    charges.set(key, (charges.get(key) ?? 0) + 1)
    return { status: 200, body: JSON.stringify({ id: `ch_${executed}` }) }
  }
  const answer = (res: ServerResponse, { status, body }: { status: number; body: string }, headers: Record<string, string> = {}): void => {
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }
  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    const key = String(req.headers['idempotency-key'])
    if (req.method === 'GET') {
      const known = stored.get(key)
      answer(res, known?.status === 200 ? known : { status: 404, body: '{}' })
      return
    }
    keys.push(key)
    const fault = faults.shift() ?? provider.otherwise()
    if (fault === 'lost_request') {
      req.socket.destroy()
      return
    }
    if (typeof fault === 'number') {
      answer(res, { status: fault, body: '{}' })
      return
    }
    if (typeof fault === 'object') {
      answer(res, { status: fault.status, body: '{}' }, { 'retry-after': fault.retryAfter })
      return
    }
    let result = provider.keepsKeys ? stored.get(key) : undefined
    if (result === undefined) {
      if (fault === 'stored_500') result = { status: 500, body: '{}' }
      else if (fault === 'declined') result = { status: 402, body: JSON.stringify({ code: 'card_declined' }) }
      else result = charge(key)
      stored.set(key, result)
    }
    if (fault === 'lost_answer') req.socket.destroy()
    else if (fault === 'garbage') answer(res, { status: 200, body: '{"odd":true}' })
    else if (fault !== 'silent') answer(res, result)
  }

  const listen = (port: number): Promise<ReturnType<typeof createServer>> =>
    new Promise((resolve, reject) => {
      const made = createServer((req, res) => {
        req.resume().on('end', () => handle(req, res))
      })
      made.once('error', reject)
      made.listen(port, '127.0.0.1', () => resolve(made))
    })
  let server = await listen(0)
  const { port } = server.address() as AddressInfo
  const down = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const provider: TestProvider = {
    url: `http://127.0.0.1:${port}`,
    port,
    keys,
    charges,
    get executed() {
      return executed
    },
    script: (...next) => void (faults = [...faults, ...next]),
    otherwise: () => 'ok',
    keepsKeys: true,
    down,
    up: async () => {
      server = await listen(port)
    },
    close: down,
  }
  return provider
}
