import { afterEach, describe, expect, test } from 'vitest'
import { ask } from '../../test/kit/ask.ts'
import type { Asked, AskOptions } from '../../test/kit/ask.ts'
import type { OperationTarget, RouteConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { IntentStatus, OperationRequest, OperationResult } from '../integrations/operation.ts'
import { operationRoute } from './operation-route.ts'
import { intentSource } from './status-documents.ts'
import { statusRoute } from './status-route.ts'
import { statusWait } from './status-wait.ts'
import { ruleOf, startDoor } from './test/door.ts'
import type { Door } from './test/door.ts'
import { absentOperations } from '../../test/kit/absent.ts'

let door: Door
let asked: OperationRequest[] = []
let answer: () => Promise<OperationResult>
let status: IntentStatus | undefined

const target: OperationTarget = {
  type: 'operation',
  integration: 'payment',
  operation: 'create_payment',
  idempotency: { header: 'idempotency-key', required: true, ttlMs: 60_000 },
  response: { status: 201, headers: [] },
}

async function start(over: Partial<OperationTarget> = {}, rule: Partial<RouteConfig> = {}): Promise<void> {
  asked = []
  status = undefined
  const own = { ...target, ...over }
  const config = ruleOf({ ...rule, target: own })
  const operations = {
    ...absentOperations,
    execute: (request: OperationRequest) => {
      asked.push(request)
      return answer()
    },
    status: () => Promise.resolve(status),
  }
  door = await startDoor((parts) => {
    const deps = { ...parts, operations, statusPath: '/-/messages', wait: statusWait(parts.now) }
    const jobs = { get: () => Promise.resolve(undefined), wait: () => Promise.resolve(undefined) }
    return [
      operationRoute(config, own, deps),
      statusRoute({ ...deps, jobs: jobs as never, queueRules: [config], queues: [], consumers: [], sources: [intentSource(operations)] }),
    ]
  })
}

afterEach(() => door.close())

const completed = (output: OperationRequest['input'], replayed = false): OperationResult => ({
  type: 'completed',
  id: 'int_1',
  output,
  replayed,
  by: 'payment',
})
const pending: OperationResult = {
  type: 'pending',
  id: 'int_1',
  mode: 'service_down',
  tell: [
    { language: 'en', text: 'Processing payment...' },
    { language: 'de', text: 'Zahlung wird verarbeitet...' },
  ],
  status: 202,
  retryAfterMs: 2500,
  replayed: false,
}
const intent: IntentStatus = {
  id: 'int_1',
  integration: 'payment',
  operation: 'create_payment',
  state: 'completed',
  createdAtMs: 0,
  updatedAtMs: 1000,
  attempts: 2,
  failure: undefined,
  mode: undefined,
  tell: pending.tell,
  output: { id: 'pi_1' },
}

const post = ({ headers, ...options }: AskOptions = {}, path = '/orders'): Promise<Asked> =>
  ask(`${door.url}${path}`, { method: 'POST', body: '{"amount":100}', headers: { 'idempotency-key': 'k1', ...headers }, ...options })
const jsonOf = ({ body }: Asked): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>

describe('a request for an operation', () => {
  test('hands over the JSON body, the key, and the rule as its scope, and is answered with the output', async () => {
    await start()
    answer = () => Promise.resolve(completed({ id: 'pi_1' }))
    const got = await post()
    expect([got.status, jsonOf(got)]).toEqual([201, { id: 'pi_1' }])
    expect(got.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' })
    expect(asked).toMatchObject([
      {
        integration: 'payment',
        operation: 'create_payment',
        input: { amount: 100 },
        key: 'k1',
        scope: '["/orders",[]]',
        from: 'door',
        ttlMs: 60_000,
      },
    ])
    expect(asked[0]?.trace?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
  })

  test('is mapped by the templates of its rule', async () => {
    await start(
      {
        request: { amount: '{{ int(body.amount) * 2 }}', reference: 'order {{ query.order }} of {{ headers["x-shop"] }}', key: '{{ key }}' },
        response: {
          status: 200,
          headers: [['location', '/payments/{{ output.id }}']],
          body: { payment: '{{ output.id }}', for: '{{ input.reference }}' },
        },
      },
      {},
    )
    answer = () => Promise.resolve(completed({ id: 'pi_1' }))
    const got = await post({ headers: { 'x-shop': 'north' } }, '/orders?order=7&order=8')
    expect(asked[0]?.input).toEqual({ amount: 200, reference: 'order 7 of north', key: 'k1' })
    expect([got.status, got.headers['location'], jsonOf(got)]).toEqual([200, '/payments/pi_1', { payment: 'pi_1', for: 'order 7 of north' }])
  })

  test('may be a form', async () => {
    await start({ request: { amount: '{{ int(body.amount) }}', order: '{{ body.metadata.order }}' } })
    answer = () => Promise.resolve(completed({ id: 'pi_1' }))
    await post({ body: 'amount=100&metadata[order]=7%C3%A4', headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    expect(asked[0]?.input).toEqual({ amount: 100, order: '7ä' })
  })

  test('without a key is refused where the operation needs one', async () => {
    await start()
    const got = await ask(`${door.url}/orders`, { method: 'POST', body: '{}' })
    expect([got.status, jsonOf(got)['code']]).toEqual([400, 'IDEMPOTENCY_KEY_MISSING'])
    expect(asked).toEqual([])
  })

  test.each([
    ['{"amount":', {}, 'The body is not JSON.'],
    ['\ufffd', { 'content-type': 'text/plain' }, 'The body must be JSON'],
  ])('whose body is %j is refused', async (body, headers, words) => {
    await start()
    const got = await post({ body, headers })
    expect([got.status, String(jsonOf(got)['detail'])]).toEqual([400, expect.stringContaining(words)])
    expect(asked).toEqual([])
  })

  test('that does not fit the template is refused with the place that is wrong', async () => {
    await start({ request: { amount: '{{ body.total.cents }}' } })
    const got = await post()
    expect([got.status, jsonOf(got)['code'], String(jsonOf(got)['detail'])]).toEqual([
      422,
      'OPERATION_INPUT_INVALID',
      expect.stringContaining('amount'),
    ])
  })
})

describe('an operation that is still open', () => {
  test('is answered with what the failure mode tells, in the language of the caller, and where to ask', async () => {
    await start()
    answer = () => Promise.resolve(pending)
    const got = await post({ headers: { 'accept-language': 'de-CH' } })
    expect(got.status).toBe(202)
    expect(jsonOf(got)).toEqual({ id: 'int_1', status: 'processing', message: 'Zahlung wird verarbeitet...', status_url: '/-/messages/int_1' })
    expect(got.headers).toMatchObject({ location: '/-/messages/int_1', 'retry-after': '3', 'content-language': 'de' })
  })

  test('is waited for by those who are ready to', async () => {
    await start()
    answer = () => {
      setTimeout(() => {
        status = intent
      }, 60)
      return Promise.resolve(pending)
    }
    const got = await post({ headers: { prefer: 'wait=10' } })
    expect([got.status, jsonOf(got), got.headers['preference-applied']]).toEqual([201, { id: 'pi_1' }, 'wait=10'])
  })

  test('that fails while its caller waits is told as it would be at once', async () => {
    await start()
    const failure = { kind: 'rejected', executed: 'no', message: 'declined' } as const
    answer = () => {
      status = { ...intent, state: 'failed', output: undefined, failure }
      return Promise.resolve(pending)
    }
    const got = await post({ headers: { prefer: 'wait=10' } })
    expect([got.status, jsonOf(got)['failure']]).toEqual([422, 'rejected'])
  })

  test('has a status that shows how it ended, and nothing of why the provider failed but its kind', async () => {
    await start()
    const failure = { kind: 'rejected', executed: 'no', message: 'card of Jo declined at host db-7', code: 'card_declined' } as const
    status = { ...intent, state: 'failed', output: undefined, failure }
    const got = await ask(`${door.url}/-/messages/int_1`, {})
    expect([got.status, jsonOf(got)]).toEqual([
      200,
      {
        id: 'int_1',
        operation: 'payment.create_payment',
        status: 'failed',
        message: 'Processing payment...',
        created_at: '1970-01-01T00:00:00.000Z',
        updated_at: '1970-01-01T00:00:01.000Z',
        attempts: 2,
        last_error: { type: 'rejected', code: 'card_declined' },
      },
    ])
    status = undefined
    expect((await ask(`${door.url}/-/messages/int_1`, {})).status).toBe(404)
  })
})

describe('an operation that failed', () => {
  test('is a problem document with the status and words of its mode, and no word of the provider', async () => {
    await start()
    const failure = { kind: 'invalid_response', executed: 'unknown', message: 'secret words of the provider' } as const
    const tell = [{ language: 'en', text: 'Technical issue' }]
    answer = () => Promise.resolve({ type: 'failed', id: 'int_1', failure, mode: 'invalid_response', tell, status: 502, replayed: true })
    const got = await post()
    expect([got.status, got.headers['content-type'], got.headers['idempotent-replayed']]).toEqual([502, 'application/problem+json', 'true'])
    expect(jsonOf(got)).toMatchObject({ code: 'OPERATION_FAILED', status: 502, detail: 'Technical issue', failure: 'invalid_response', id: 'int_1' })
    expect(got.body).not.toContain('secret')
    expect(door.entries.at(-1)).toMatchObject({ error: 'OPERATION_FAILED' })
  })

  test('tells when to come back', async () => {
    await start()
    const failure = { kind: 'rate_limited', executed: 'no', message: '', status: 429, retryAfterMs: 1200 } as const
    answer = () => Promise.resolve({ type: 'failed', id: 'int_1', failure, mode: undefined, tell: undefined, status: 429, replayed: false })
    const got = await post()
    expect([got.status, got.headers['retry-after']]).toEqual([429, '2'])
  })

  test('for want of a store is 503, and of a key in use 409', async () => {
    await start()
    answer = () => Promise.reject(new GatewayError('STATE_UNAVAILABLE'))
    expect((await post()).status).toBe(503)
    answer = () => Promise.reject(new GatewayError('IDEMPOTENCY_IN_PROGRESS', { retryAfterSeconds: 1 }))
    const got = await post()
    expect([got.status, got.headers['retry-after']]).toEqual([409, '1'])
  })
})
