import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isFault } from '../../../examples/services/provider-faults.ts'
import type { FaultRates } from '../../../examples/services/provider-faults.ts'
import { chance } from '../../chaos/chance.ts'
import { startStripe } from './stripe.ts'

/**
 * The stand-in for Stripe in a process of its own: `node stripe-process.ts '{"port":0,"seed":1,"faults":{"lost_answer":0.2},"slowMs":300}'`.
 * Writes one line of JSON, `{"port":...,"control":...}`. The control port answers `GET /payments`, `GET /charges` (by reference),
 * `GET /requests` (how many, by fault), `POST /script ["lost_answer"]`, `POST /faults {"lost_answer":0.2}`, `POST /down` and `POST /up`.
 */
const { seed = 1, ...options } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly port?: number
  readonly seed?: number
  readonly faults?: FaultRates
  readonly slowMs?: number
}
const stripe = await startStripe({ ...options, random: chance(seed) })

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
}

const counted = (): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { fault = 'none' } of stripe.requests) counts[fault] = (counts[fault] ?? 0) + 1
  return counts
}

const ratesIn = (body: unknown): FaultRates =>
  Object.fromEntries(Object.entries(Object(body) as object).filter(([name, share]) => isFault(name) && typeof share === 'number'))

const actions: Readonly<Record<string, (body: unknown) => unknown>> = {
  'GET /payments': () => stripe.payments(),
  'GET /charges': () => Object.fromEntries(stripe.charges()),
  'GET /requests': counted,
  'POST /script': (body) => stripe.script(...(Array.isArray(body) ? body : []).map((step) => (isFault(step) ? step : ('none' as const)))),
  'POST /faults': (body) => stripe.rates(ratesIn(body)),
  'POST /down': () => stripe.down(),
  'POST /up': () => stripe.up(),
}

const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const action = actions[`${request.method} ${request.url}`]
  if (action === undefined) return void response.writeHead(404).end()
  const result: unknown = await action(await bodyOf(request))
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result ?? {}))
}

const control = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => response.writeHead(400).end(String(error)))
})
control.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: stripe.port, control: (control.address() as AddressInfo).port })}\n`)
})
