import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ask, askMany } from '../../test/kit/ask.ts'
import type { Asked, AskOptions } from '../../test/kit/ask.ts'
import { open, raw } from '../../test/kit/raw.ts'
import { until } from '../../test/kit/until.ts'
import type { QueueConfig, RouteConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { JobStore } from '../messaging/jobs/job-store.ts'
import { sqliteJobStore } from '../messaging/jobs/sqlite-job-store.ts'
import type { Message } from '../messaging/message.ts'
import { queueRoute } from './queue-route.ts'
import { statusRoute } from './status-route.ts'
import { statusWait } from './status-wait.ts'
import { queueOf, ruleOf, startDoor } from './test/door.ts'
import type { Door } from './test/door.ts'

let folder = ''
let jobs: JobStore
let door: Door
/** What the broker was given, and how it answers. */
let published: Message[] = []
let confirm: (message: Message) => Promise<void>

const line = (): void => undefined
const log = { debug: line, info: line, warn: line, error: line }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-queue-route-'))
  jobs = sqliteJobStore({ path: join(folder, 'jobs.db'), statusTtlMs: 60_000, log, now: Date.now })
  published = []
  confirm = () => Promise.resolve()
})

afterEach(async () => {
  await door.close()
  await jobs.close()
  await rm(folder, { recursive: true, force: true })
})

async function start(rule: Partial<RouteConfig> = {}, queue: Partial<QueueConfig> = {}): Promise<void> {
  const config = ruleOf(rule)
  door = await startDoor((parts) => {
    const publisher = {
      toQueue: async (_queue: string, message: Message) => {
        await confirm(message)
        published.push(message)
      },
      event: () => Promise.reject(new Error('no events here')),
    }
    const deps = { ...parts, publisher, jobs, queues: [queueOf(queue)], statusPath: '/-/messages' }
    return [queueRoute(config, deps), statusRoute({ ...deps, queueRules: [config], consumers: [], sources: [], wait: statusWait(parts.now) })]
  })
}

const post = (options: AskOptions = {}): Promise<Asked> => ask(`${door.url}/orders`, { method: 'POST', body: '{"a":1}', ...options })
const keyed = (key: string, options: AskOptions = {}): Promise<Asked> => post({ ...options, headers: { 'idempotency-key': key, ...options.headers } })
const jsonOf = ({ body }: Asked): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>

const required = { target: { type: 'queue', queue: 'orders', idempotency: { header: 'idempotency-key', required: true, ttlMs: 3_600_000 } } } as const

/** A broker that confirms when it is told to. */
function held(): { release(): void; readonly waiting: number } {
  const waiting: (() => void)[] = []
  confirm = () => new Promise((resolve) => waiting.push(resolve))
  return {
    release: () => {
      for (const resolve of waiting.splice(0)) resolve()
    },
    get waiting() {
      return waiting.length
    },
  }
}

describe('a request for a queue', () => {
  test('is answered with 202 and where its status is', async () => {
    await start()
    const answer = await post({ headers: { 'content-type': 'application/json' } })
    expect(answer.status).toBe(202)
    const { id, ...rest } = jsonOf(answer)
    const location = `/-/messages/${String(id)}`
    expect(rest).toEqual({ status: 'queued', queue: 'orders', status_url: location })
    expect(answer.headers).toMatchObject({ location, 'retry-after': '1', 'cache-control': 'no-store', 'content-type': 'application/json' })
    expect(published).toMatchObject([{ id, contentType: 'application/json', body: Buffer.from('{"a":1}') }])
    expect(jsonOf(await ask(`${door.url}${location}`))).toMatchObject({ id, queue: 'orders', status: 'queued', attempts: 0 })
  })

  test('is not answered before the broker has confirmed', async () => {
    await start()
    const broker = held()
    let answered = false
    const answer = post().finally(() => {
      answered = true
    })
    await until('the broker has the message', () => broker.waiting === 1)
    expect(answered).toBe(false)
    broker.release()
    expect((await answer).status).toBe(202)
  })

  test('gives its message the headers of its sender, those of the rule, and none of the request itself or with credentials', async () => {
    await start(
      { requestHeaders: { set: [['authorization', 'Bearer rule']], add: [['x-source', 'web']], remove: ['x-request-id'] } },
      { orderBy: { header: 'x-customer' } },
    )
    await post({
      headers: {
        'content-type': 'text/plain',
        'content-language': 'de',
        'content-encoding': 'identity',
        'ce-type': 'OrderCreated',
        'x-request-id': 'r1',
        'x-correlation-id': 'c1',
        'x-customer': '42',
        'x-tenant': 'acme',
        'x-author': 'ann',
        'headgate-job': 'forged',
        authorization: 'Bearer secret',
        cookie: 'session=secret',
        'x-api-key': 'secret',
        'x-amz-security-token': 'secret',
        'x-goog-iap-jwt-assertion': 'secret',
        'user-agent': 'curl',
        'accept-language': 'de',
        'sec-fetch-mode': 'cors',
        'x-forwarded-for': '10.0.0.1',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: 'a=b',
      },
    })
    const [message] = published
    expect(message?.contentType).toBe('text/plain')
    expect(message?.key).toBe('42')
    const { traceparent, ...headers } = message?.headers ?? {}
    expect(traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/)
    expect(headers).toEqual({
      'content-language': 'de',
      'content-encoding': 'identity',
      'ce-type': 'OrderCreated',
      'x-correlation-id': 'c1',
      'x-customer': '42',
      'x-tenant': 'acme',
      'x-author': 'ann',
      'x-source': 'web',
      tracestate: 'a=b',
      'headgate-job': '1',
    })
  })

  test('takes the order key from the body where the queue says so, and none where there is none', async () => {
    await start({}, { orderBy: { body: ['customer', 'id'] } })
    await post({ body: '{"customer":{"id":7}}' })
    await post({ body: '{"customer":{}}' })
    await post({ body: 'not JSON' })
    expect(published.map(({ key }) => key)).toEqual(['7', undefined, undefined])
  })

  test('keeps bodies as they are: empty, of invalid UTF-8, as large as allowed', async () => {
    await start({ maxBodyBytes: 1000 })
    const bodies = [Buffer.alloc(0), Buffer.from([0xff, 0xfe, 0x00, 0xc3]), Buffer.alloc(1000, 7)]
    for (const body of bodies) expect((await post({ body })).status).toBe(202)
    expect(published.map(({ body }) => body)).toEqual(bodies)
  })

  test('with a larger body is refused with 413, whether its length is declared or not, and nothing is stored', async () => {
    await start({ maxBodyBytes: 1000 })
    expect((await post({ body: Buffer.alloc(1001) })).status).toBe(413)
    const chunked = await raw(
      door.port,
      `POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n${'a'.repeat(1001)}\r\n0\r\n\r\n`,
    )
    expect(chunked.status).toBe(413)
    expect(published).toEqual([])
  })

  test('that waits for 100 Continue gets it, unless it is refused by its head', async () => {
    await start(required)
    const head = 'POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n'
    const refused = await raw(door.port, `${head}\r\n`)
    expect(refused.status).toBe(400)
    const socket = await open(door.port)
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.write(`${head}Idempotency-Key: k\r\n\r\n`)
    await until('the gateway wants the body', () => text.startsWith('HTTP/1.1 100 Continue'))
    socket.write('{}')
    await until('the answer is here', () => text.includes('HTTP/1.1 202'))
    socket.destroy()
  })

  test('whose client leaves in the middle of the body stores nothing', async () => {
    await start()
    const socket = await open(door.port)
    socket.write('POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nContent-Length: 100\r\n\r\n{"a":')
    await until('the request is here', () => door.metrics.gauges.requestsInFlight === 1)
    socket.destroy()
    await until('the request has ended', () => door.entries.length === 1)
    expect(door.entries).toMatchObject([{ status: 499, error: 'CLIENT_GONE', route: 'orders' }])
    expect(published).toEqual([])
    expect((await keyed('k')).status).toBe(202)
  })

  test('whose client leaves before the confirmation is stored whole', async () => {
    await start()
    const broker = held()
    const socket = await open(door.port)
    socket.write('POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nContent-Length: 7\r\n\r\n{"a":1}')
    await until('the broker has the message', () => broker.waiting === 1)
    socket.destroy()
    await until('the request has ended', () => door.entries.length === 1)
    broker.release()
    await until('the message is stored', () => published.length === 1)
    const again = await keyed('k')
    expect(again.headers['idempotent-replayed']).toBe('true')
    expect(jsonOf(again)['id']).toBe(published[0]?.id)
    expect(published).toHaveLength(1)
  })

  test('is counted and logged under its rule', async () => {
    await start()
    await post()
    await until('the request is logged', () => door.entries.length === 1)
    expect(door.entries).toMatchObject([{ route: 'orders', status: 202, method: 'POST' }])
    expect(await door.metrics.registry.metrics()).toContain('headgate_requests_total{route="orders",method="POST",code="202"} 1')
  })

  test('carries the rule for other origins and the edits of its answer, problems included', async () => {
    const cors = { origins: ['https://shop'], methods: ['POST'], headers: [], exposeHeaders: ['location'], credentials: false, maxAgeSeconds: 5 }
    await start({ cors, responseHeaders: { set: [['x-by', 'gateway']], add: [], remove: [] } })
    const origin = { origin: 'https://shop' }
    const preflight = await ask(`${door.url}/orders`, { method: 'OPTIONS', headers: { ...origin, 'access-control-request-method': 'POST' } })
    expect([preflight.status, preflight.headers['access-control-allow-methods']]).toEqual([204, 'POST'])
    expect((await post({ headers: origin })).headers).toMatchObject({ 'access-control-allow-origin': 'https://shop', 'x-by': 'gateway' })
    expect((await keyed('not a key', { headers: origin })).headers).toMatchObject({ 'access-control-allow-origin': 'https://shop' })
  })

  test('by a safe method is refused where the rule names no methods', async () => {
    await start({ match: { ...ruleOf().match, methods: [] } })
    const answer = await ask(`${door.url}/orders`)
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST, PUT, PATCH, DELETE'])
    expect((await ask(`${door.url}/orders`, { method: 'PUT', body: 'x' })).status).toBe(202)
  })
})

describe('an idempotency key', () => {
  test('brings the same answer again, however the message has fared, and no second message', async () => {
    await start()
    const first = await keyed('k')
    expect(first.headers['idempotent-replayed']).toBeUndefined()
    const { id } = jsonOf(first)
    await jobs.update(String(id), { state: 'completed' })
    const again = await keyed('"k"')
    expect(again.status).toBe(202)
    expect(again.headers).toMatchObject({ location: first.headers.location, 'idempotent-replayed': 'true' })
    expect(again.body).toEqual(first.body)
    expect(published).toMatchObject([{ headers: { 'idempotency-key': 'k' } }])
  })

  test('of 200 requests at once publishes one message; the others are told to come back or get its answer', async () => {
    await start()
    const statuses = await askMany(200, () => keyed('k'))
    expect(published).toHaveLength(1)
    expect((statuses[202] ?? 0) + (statuses[409] ?? 0)).toBe(200)
    expect(statuses[202]).toBeGreaterThanOrEqual(1)
  })

  test('that is being stored is answered with 409 and when to come back', async () => {
    await start()
    const broker = held()
    const first = keyed('k')
    await until('the broker has the message', () => broker.waiting === 1)
    const second = await keyed('k')
    expect([second.status, second.headers['retry-after'], jsonOf(second)['code']]).toEqual([409, '1', 'IDEMPOTENCY_IN_PROGRESS'])
    broker.release()
    expect((await first).status).toBe(202)
  })

  test.each([
    ['body', { body: '{"a":2}' }],
    ['content type', { headers: { 'content-type': 'text/plain' } }],
  ])('with another %s is refused with 422', async (_what, options) => {
    await start()
    await keyed('k')
    const other = await keyed('k', options)
    expect([other.status, jsonOf(other)['code']]).toEqual([422, 'IDEMPOTENCY_CONFLICT'])
    expect(published).toHaveLength(1)
  })

  test('must be there where the rule wants one', async () => {
    await start(required)
    const answer = await post()
    expect([answer.status, jsonOf(answer)['code']]).toEqual([400, 'BAD_REQUEST'])
  })

  test.each(['', 'two words', '"open', 'a"b', 'é', 'x'.repeat(256), '""'])('such as %j is refused with 400', async (key) => {
    await start()
    expect((await keyed(key)).status).toBe(400)
    expect(published).toEqual([])
  })
})

describe('when nothing can be stored', () => {
  test.each(['BROKER_UNAVAILABLE', 'QUEUE_FULL', 'MESSAGE_UNROUTABLE'] as const)(
    '%s is answered with 503 and when to come back, and the key is free',
    async (code) => {
      await start()
      confirm = () => Promise.reject(new GatewayError(code))
      const refused = await keyed('k')
      expect([refused.status, refused.headers['retry-after'], jsonOf(refused)['code']]).toEqual([503, '5', code])
      confirm = () => Promise.resolve()
      const again = await keyed('k')
      expect([again.status, again.headers['idempotent-replayed']]).toEqual([202, undefined])
      expect(published).toHaveLength(1)
    },
  )

  test('a repeated request brings its message under the id of the first try', async () => {
    await start()
    const ids: string[] = []
    confirm = (message) => {
      ids.push(message.id)
      return ids.length === 1 ? Promise.reject(new GatewayError('BROKER_UNAVAILABLE')) : Promise.resolve()
    }
    await keyed('k')
    await keyed('k')
    expect(ids[1]).toBe(ids[0])
  })

  test('a store that cannot write refuses the request before anything is published', async () => {
    await start()
    await jobs.close()
    const answer = await keyed('k')
    expect([answer.status, answer.headers['retry-after'], jsonOf(answer)['code']]).toEqual([503, '5', 'BROKER_UNAVAILABLE'])
    expect((await post()).status).toBe(503)
    expect(published).toEqual([])
  })

  test('a store that fails after the confirmation does not take back the 202', async () => {
    await start()
    confirm = () => jobs.close()
    expect((await keyed('k')).status).toBe(202)
    expect(published).toHaveLength(1)
  })

  test('a failure of our own says nothing of the inside', async () => {
    await start()
    confirm = () => Promise.reject(new Error('amqp://user:password@host'))
    const answer = await post()
    expect(answer.status).toBe(500)
    expect(answer.body).not.toContain('password')
    expect(door.internalErrors).toHaveLength(1)
  })
})

describe('Prefer', () => {
  const ends = async (): Promise<void> => {
    await until('the message is there', () => published.length > 0)
    const result = { status: 200, contentType: 'application/json', body: Buffer.from('{"total":12345678901234567890}') }
    await jobs.update(published.at(-1)?.id ?? '', { state: 'completed', attempts: 1, result })
  }

  test('wait is answered with the result when it comes in time', async () => {
    await start()
    const [answer] = await Promise.all([post({ headers: { prefer: 'wait=10' } }), ends()])
    expect([answer.status, answer.headers['preference-applied'], answer.headers['retry-after']]).toEqual([200, 'wait=10', undefined])
    expect(answer.body).toContain('"result":{"status":200,"content_type":"application/json","body":{"total":12345678901234567890}}')
    expect(jsonOf(answer)).toMatchObject({ status: 'completed', attempts: 1 })
  })

  test('wait is answered with 202 when it does not', async () => {
    await start()
    const answer = await post({ headers: { prefer: 'respond-async, wait=1' } })
    expect([answer.status, answer.headers['preference-applied']]).toEqual([202, 'respond-async, wait=1'])
    expect(answer.ms).toBeGreaterThanOrEqual(990)
  })

  test('wait ends when the gateway drains', async () => {
    await start()
    const waited = post({ headers: { prefer: 'wait=60' } })
    await until('the message is there', () => published.length === 1)
    door.lifecycle.draining = true
    expect((await waited).status).toBe(202)
  })
})
