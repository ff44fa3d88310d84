import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isFault } from '../../../examples/services/provider-faults.ts'
import type { FaultRates, ProviderFault } from '../../../examples/services/provider-faults.ts'
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

/** @throws Error for what is none, so that no run waits for a fault that never comes. */
const faultIn = (name: unknown): ProviderFault => {
  if (!isFault(name)) throw new Error(`${JSON.stringify(name)} is no fault`)
  return name
}

const stepsIn = (body: unknown): readonly (ProviderFault | 'none')[] =>
  (Array.isArray(body) ? (body as readonly unknown[]) : []).map((step) => (step === 'none' ? step : faultIn(step)))

const ratesIn = (body: unknown): FaultRates =>
  Object.fromEntries(Object.entries(Object(body) as object).map(([name, share]) => [faultIn(name), Number(share)]))

const actions: Readonly<Record<string, (body: unknown) => unknown>> = {
  'GET /payments': () => stripe.payments(),
  'GET /charges': () => Object.fromEntries(stripe.charges()),
  'GET /requests': counted,
  'POST /script': (body) => stripe.script(...stepsIn(body)),
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
