import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ask } from '../../test/kit/ask.ts'
import type { Asked } from '../../test/kit/ask.ts'
import { brokerIn, park } from '../../test/kit/dead-letters.ts'
import { GatewayError } from '../errors.ts'
import type { Broker } from '../messaging/broker.ts'
import type { ConsumerStatus } from '../messaging/consumer-contract.ts'
import type { DeadLetters } from '../messaging/dead-letter.ts'
import type { AdminBackend } from './backend.ts'
import { adminServer } from './server.ts'
import type { AdminServer } from './server.ts'

const names = ['payment.process', 'email.send', 'a/b c', 'busy', 'replayed']
let folder: string
let broker: Broker
let server: AdminServer
/** Instead of the broker's, for what a healthy broker never does. */
let instead: Partial<DeadLetters>
let paused: Set<string>

const consumer = (name: string): ConsumerStatus => ({
  name,
  queue: 'payment.process',
  target: 'service payments',
  state: paused.has(name) ? 'paused' : 'running',
  inFlight: 0,
  held: 0,
  settled: { ack: 0, retry: 0, release: 0, dead_letter: 0 },
  retries: 0,
  redeliveries: 0,
  breaker: undefined,
  lastError: undefined,
})

const letters: DeadLetters = {
  list: (...asked) => instead.list?.(...asked) ?? broker.deadLetters.list(...asked),
  show: (...asked) => broker.deadLetters.show(...asked),
  replay: (...asked) => instead.replay?.(...asked) ?? broker.deadLetters.replay(...asked),
  drop: (...asked) => instead.drop?.(...asked) ?? broker.deadLetters.drop(...asked),
}

const messaging: AdminBackend['messaging'] = {
  queues: () => names,
  deadLetters: (queue) => (names.includes(queue) ? letters : undefined),
  consumers: async () => [consumer('payment_processor')],
  pause: async (name) => name === 'payment_processor' && paused.add(name).has(name),
  resume: async (name) => name === 'payment_processor' && !(paused.delete(name) && paused.has(name)),
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-admin-'))
  broker = await brokerIn(folder, names)
  await park(broker, 'payment.process', [
    { id: 'one', body: '{"n":1}', contentType: 'application/json', headers: { 'idempotency-key': 'k1' } },
    { id: 'two', reason: 'rejected', error: { type: 'status_422', message: 'the service answered 422' } },
    { id: 'three' },
  ])
  await park(broker, 'a/b c', [{ id: 'x/y?z', body: Buffer.from([0, 255]) }])
  server = await adminServer(
    { host: '127.0.0.1', port: 0 },
    {
      ready: () => ({ ready: true }),
      metrics: async () => '',
      status: async () => ({}),
      reload: async () => ({ ok: true, generation: 1, hash: '', changed: false }),
      messaging,
    },
    { onError: () => undefined, timeouts: { silenceMs: 100 } },
  )
})
beforeEach(() => {
  instead = {}
  paused = new Set()
})
afterAll(async () => {
  await server.close()
  await broker.close()
  await rm(folder, { recursive: true })
})

const url = (path: string): string => `http://127.0.0.1:${server.address.port}${path}`
const get = (path: string): Promise<Asked> => ask(url(path))
const post = (path: string, body: object | string = ''): Promise<Asked> =>
  ask(url(path), { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
const idsAt = async (path: string): Promise<readonly string[]> =>
  (JSON.parse((await get(path)).body) as { readonly deadLetters: readonly { readonly id: string }[] }).deadLetters.map(({ id }) => id)

describe('GET /-/dead-letters', () => {
  test('counts every queue with its reasons and the age of its oldest', async () => {
    const { status, body } = await get('/-/dead-letters')
    expect(status).toBe(200)
    const { queues } = JSON.parse(body) as { readonly queues: readonly { readonly oldestParkedAt?: string }[] }
    expect(queues.slice(0, 2)).toMatchObject([
      { queue: 'payment.process', count: 3, reasons: { failed: 2, rejected: 1 } },
      { queue: 'email.send', count: 0, reasons: {} },
    ])
    expect(Date.parse(queues[0]?.oldestParkedAt ?? '')).toBeLessThanOrEqual(Date.now())
  })

  test('names the queues of a broker that is away, and still answers for the others', async () => {
    instead = {
      list: (queue, filter) => {
        if (queue === 'email.send') throw new GatewayError('BROKER_UNAVAILABLE')
        return broker.deadLetters.list(queue, filter)
      },
    }
    const { queues } = JSON.parse((await get('/-/dead-letters')).body) as { readonly queues: readonly object[] }
    expect(queues[0]).toMatchObject({ count: 3 })
    expect(queues[1]).toEqual({ queue: 'email.send', error: { code: 'BROKER_UNAVAILABLE', message: 'The broker did not confirm the message' } })
  })
})

describe('GET /-/dead-letters/{queue}', () => {
  test('lists the oldest first, with everything but the body', async () => {
    const { body } = await get('/-/dead-letters/payment.process')
    expect(JSON.parse(body)).toMatchObject({
      queue: 'payment.process',
      more: false,
      deadLetters: [
        {
          id: 'one',
          queue: 'payment.process',
          reason: 'failed',
          lastError: { type: 'status_503', message: 'the service answered 503' },
          attempts: 3,
          deliveries: 1,
          contentType: 'application/json',
          bodyBytes: 7,
          headers: { 'idempotency-key': 'k1' },
        },
        { id: 'two', reason: 'rejected' },
        { id: 'three' },
      ],
    })
    expect(body).not.toContain('"body":')
  })

  test.each([
    ['reason=rejected', ['two']],
    ['error=status_503', ['one', 'three']],
    ['since=1h', ['one', 'two', 'three']],
    ['until=1h', []],
    ['reason=failed&error=status_422', []],
    ['limit=2', ['one', 'two']],
  ])('?%s', async (query, ids) => {
    expect(await idsAt(`/-/dead-letters/payment.process?${query}`)).toEqual(ids)
  })

  test('says that there are more than the limit', async () => {
    expect(JSON.parse((await get('/-/dead-letters/payment.process?limit=2')).body)).toMatchObject({ more: true })
    expect(JSON.parse((await get('/-/dead-letters/payment.process?limit=3')).body)).toMatchObject({ more: false })
  })

  test('refuses a filter that it does not know, which would match everything', async () => {
    const { status, body } = await get('/-/dead-letters/payment.process?resaon=failed')
    expect(status).toBe(400)
    expect(body).toContain('Did you mean `reason`?')
  })

  test('of a queue that is not declared is 404 with the name that was meant', async () => {
    const { status, headers, body } = await get('/-/dead-letters/payment.proces')
    expect(status).toBe(404)
    expect(headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(body)).toMatchObject({
      detail: 'There is no such queue in the configuration. Did you mean `payment.process`?',
      queues: names,
    })
  })

  test('of a broker that is away is 503 with the code', async () => {
    instead = {
      list: () => {
        throw new GatewayError('BROKER_UNAVAILABLE', { detail: 'Broker default cannot be reached.', retryAfterSeconds: 3 })
      },
    }
    const { status, headers, body } = await get('/-/dead-letters/email.send')
    expect({ status, retryAfter: headers['retry-after'] }).toEqual({ status: 503, retryAfter: '3' })
    expect(JSON.parse(body)).toMatchObject({
      type: 'urn:headgate:error:broker-unavailable',
      code: 'BROKER_UNAVAILABLE',
      detail: 'Broker default cannot be reached.',
    })
  })
})

describe('GET /-/dead-letters/{queue}/{id}', () => {
  test('has the body too', async () => {
    const { status, body } = await get('/-/dead-letters/payment.process/one')
    expect(status).toBe(200)
    expect(JSON.parse(body)).toMatchObject({ id: 'one', bodyBytes: 7, body: Buffer.from('{"n":1}').toString('base64') })
  })

  test('takes any name, percent-encoded', async () => {
    const { body } = await get(`/-/dead-letters/${encodeURIComponent('a/b c')}/${encodeURIComponent('x/y?z')}`)
    expect(JSON.parse(body)).toMatchObject({ queue: 'a/b c', id: 'x/y?z', body: 'AP8=' })
  })

  test('is 404 where there is none', async () => {
    expect((await get('/-/dead-letters/payment.process/nope')).status).toBe(404)
    expect((await get('/-/dead-letters/payment.process/replay')).status).toBe(404)
  })
})

describe('replay and drop', () => {
  test('a dry run counts and changes nothing', async () => {
    const { status, body } = await post('/-/dead-letters/payment.process/drop', { all: true, dry_run: true })
    expect({ status, body: JSON.parse(body) as unknown }).toEqual({ status: 200, body: { matched: 3, done: 0 } })
    expect(await idsAt('/-/dead-letters/payment.process')).toHaveLength(3)
  })

  test('drop removes what matches, for good', async () => {
    await park(broker, 'email.send', [{ id: 'keep' }, { id: 'gone', reason: 'invalid' }])
    expect(JSON.parse((await post('/-/dead-letters/email.send/drop', { reason: 'invalid' })).body)).toEqual({ matched: 1, done: 1 })
    expect(await idsAt('/-/dead-letters/email.send')).toEqual(['keep'])
    expect(JSON.parse((await post('/-/dead-letters/email.send/drop', { ids: ['gone'] })).body)).toEqual({ matched: 0, done: 0 })
  })

  test('replay puts messages back as they were', async () => {
    await park(broker, 'replayed', [{ id: 'r1', headers: { 'idempotency-key': 'k' } }, { id: 'r2' }])
    expect(JSON.parse((await post('/-/dead-letters/replayed/replay', { ids: ['r1', 'unknown'] })).body)).toEqual({ matched: 1, done: 1 })
    expect(await idsAt('/-/dead-letters/replayed')).toEqual(['r2'])
    const { message, history } = await new Promise<Parameters<Parameters<Broker['subscribe']>[1]>[0]>((resolve) => {
      const options = { queue: 'replayed', prefetch: 1, holdMs: Number.POSITIVE_INFINITY, exclusive: false, consumer: 'reading' }
      const subscription = broker.subscribe(options, (delivery) => {
        resolve(delivery)
        void delivery.settle({ outcome: 'ack' }).then(() => subscription.stop())
      })
    })
    expect(message).toMatchObject({ id: 'r1', headers: { 'idempotency-key': 'k' } })
    expect(history).toMatchObject({ deliveries: 1, failures: 0 })
  })

  test('without ids, filter and all nothing is touched', async () => {
    for (const body of ['', '{}', '{"ids":[]}', 'nonsense']) expect((await post('/-/dead-letters/payment.process/drop', body)).status).toBe(400)
    expect(await idsAt('/-/dead-letters/payment.process')).toHaveLength(3)
  })

  test('a web page may not', async () => {
    const origin = { origin: 'http://localhost:9900' }
    const reply = await ask(url('/-/dead-letters/payment.process/drop'), { method: 'POST', headers: origin, body: '{"all":true}' })
    expect(reply.status).toBe(403)
    expect(await idsAt('/-/dead-letters/payment.process')).toHaveLength(3)
  })

  test('one run at a time for a queue, and a long one outlasts the silence that ends other requests', async () => {
    const run = Promise.withResolvers<number>()
    const begun = Promise.withResolvers<void>()
    instead = {
      replay: () => {
        begun.resolve()
        return run.promise
      },
    }
    const first = post('/-/dead-letters/busy/replay', { all: true })
    await begun.promise
    expect((await post('/-/dead-letters/busy/drop', { all: true })).status).toBe(409)
    // The listener would cut a silent connection off after 100 ms.
    setTimeout(() => run.resolve(7), 300)
    expect(JSON.parse((await first).body)).toEqual({ matched: 7, done: 7 })
    expect((await post('/-/dead-letters/busy/drop', { all: true })).status).toBe(200)
  })

  test('a run that breaks off says how far it came', async () => {
    instead = {
      drop: async (_, __, progress) => {
        progress?.(41)
        throw new GatewayError('BROKER_UNAVAILABLE')
      },
    }
    const { status, body } = await post('/-/dead-letters/busy/drop', { all: true })
    expect(status).toBe(503)
    expect(JSON.parse(body)).toMatchObject({ code: 'BROKER_UNAVAILABLE', done: 41 })
  })

  test.each(['GET', 'PUT'])('%s changes nothing', async (method) => {
    const { status, headers } = await ask(url('/-/dead-letters/payment.process/drop'), { method })
    expect(status).toBe(method === 'GET' ? 404 : 405)
    if (method === 'PUT') expect(headers.allow).toBe('GET, HEAD, POST')
  })
})

describe('consumers', () => {
  test('are listed, paused and resumed', async () => {
    expect(JSON.parse((await get('/-/consumers')).body)).toMatchObject({ consumers: [{ name: 'payment_processor', state: 'running' }] })
    expect(JSON.parse((await post('/-/consumers/payment_processor/pause')).body)).toEqual({ consumer: 'payment_processor', paused: true })
    expect(JSON.parse((await get('/-/consumers')).body)).toMatchObject({ consumers: [{ state: 'paused' }] })
    expect(JSON.parse((await post('/-/consumers/payment_processor/resume')).body)).toEqual({ consumer: 'payment_processor', paused: false })
    expect(JSON.parse((await get('/-/consumers')).body)).toMatchObject({ consumers: [{ state: 'running' }] })
  })

  test('that do not exist are 404 with the name that was meant', async () => {
    const { status, body } = await post('/-/consumers/payment_procesor/pause')
    expect(status).toBe(404)
    expect(JSON.parse(body)).toMatchObject({ detail: 'There is no such consumer. Did you mean `payment_processor`?' })
  })
})
