import { describe, expect, test } from 'vitest'
import { until } from '../../../test/kit/until.ts'
import { startTcpUpstream } from '../../../test/kit/upstream.ts'
import { logicalService } from '../../services/logical-service.ts'
import { serviceConfig, testDeps } from '../../services/test/fixtures.ts'
import { maxResultBytes } from '../jobs/job-store.ts'
import { jobHeader } from '../message.ts'
import type { Message } from '../message.ts'
import { scene, status } from '../test/consumer-scene.ts'
import type { Scene, SceneOptions } from '../test/consumer-scene.ts'

/** Delivers one message and waits until it is settled. */
async function delivered(message: Partial<Message>, options: SceneOptions = {}): Promise<Scene> {
  const one = await scene(options)
  one.broker.put({ id: 'm1', ...message })
  await until('the message is settled', () => one.broker.settled.length === 1)
  return one
}

const seen = async (message: Partial<Message>, options: SceneOptions = {}) => {
  const { upstream } = await delivered(message, options)
  const [request] = upstream.seen
  if (request === undefined) throw new Error('nothing was sent')
  return request
}

describe('a delivery over HTTP', () => {
  test('is a CloudEvent in binary mode, with what the service needs to know about the delivery', async () => {
    const before = Date.now()
    const request = await seen({ body: Buffer.from('{"amount":1}'), publishedAtMs: Date.parse('2026-11-22T12:00:00.123Z') })
    expect(request).toMatchObject({ method: 'POST', url: '/payments', body: '{"amount":1}' })
    expect(request.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': '12',
      'ce-specversion': '1.0',
      'ce-id': 'm1',
      'ce-source': '/queues/payment.process',
      'ce-type': 'payment.process',
      'ce-time': '2026-11-22T12:00:00.123Z',
      'idempotency-key': 'm1',
      'headgate-queue': 'payment.process',
      'headgate-attempt': '1',
      'headgate-delivery': '1',
    })
    const deadlineMs = Date.parse(String(request.headers['headgate-deadline']))
    expect(deadlineMs).toBeGreaterThanOrEqual(before + 5000)
    expect(deadlineMs).toBeLessThanOrEqual(Date.now() + 5000)
  })

  test('keeps the attributes and the idempotency key that the message has', async () => {
    const { headers } = await seen({
      headers: {
        'ce-id': 'e1',
        'ce-source': '/orders',
        'ce-type': 'OrderCreated',
        'ce-time': '2020-01-01T00:00:00Z',
        'ce-tenant': 'a',
        'idempotency-key': '"order-7"',
      },
    })
    expect(headers).toMatchObject({
      'ce-specversion': '1.0',
      'ce-id': 'e1',
      'ce-source': '/orders',
      'ce-type': 'OrderCreated',
      'ce-time': '2020-01-01T00:00:00Z',
      'ce-tenant': 'a',
      'idempotency-key': '"order-7"',
    })
  })

  test('encodes attributes as the HTTP binding says', async () => {
    const { headers } = await seen({ headers: { 'ce-subject': 'Euro € 😀 "50 %" ~!#\n', 'ce-source': 'a\ud800', 'ce-type': 'Order%20Created%' } })
    expect(headers['ce-subject']).toBe('Euro%20%E2%82%AC%20%F0%9F%98%80%20%2250%20%25%22%20~!#%0A')
    expect(headers['ce-source']).toBe('a%EF%BF%BD')
    expect(headers['ce-type']).toBe('Order%20Created%25')
  })

  test('puts no second event around one that stands in the body', async () => {
    const { headers } = await seen({ contentType: 'application/cloudevents+json', body: Buffer.from('{"specversion":"1.0"}') })
    expect(Object.keys(headers).filter((name) => name.startsWith('ce-'))).toEqual([])
    expect(headers['content-type']).toBe('application/cloudevents+json')
  })

  test('passes other headers on, but none of the connection, of a proxy, of the gateway, or that HTTP does not know', async () => {
    const { headers } = await seen({
      contentType: undefined,
      headers: {
        'x-tenant': 'a',
        'content-language': 'pl',
        authorization: 'Bearer t',
        host: 'evil',
        connection: 'close, x-tenant',
        'transfer-encoding': 'chunked',
        'content-length': '3',
        'content-type': 'text/evil',
        te: 'trailers',
        expect: '100-continue',
        'x-forwarded-for': '10.0.0.1',
        forwarded: 'for=10.0.0.1',
        'headgate-attempt': '99',
        'headgate-anything': 'x',
        x_under: 'score',
        'x bad': 'name',
        'x-inject': 'a\r\nx-evil: 1',
        'x-emoji': '😀',
        'x-latin': 'é',
        '': 'empty',
      },
    })
    expect(headers).toMatchObject({ 'x-tenant': 'a', 'content-language': 'pl', authorization: 'Bearer t', 'x-latin': 'é', 'headgate-attempt': '1' })
    expect(headers.host).toMatch(/^127\.0\.0\.1:\d+$/)
    const known = new Set(['connection', 'host', 'content-length', 'idempotency-key', 'traceparent', 'x-trace-id', 'x-span-id', 'x-sampled'])
    const rest = Object.keys(headers).filter((name) => !known.has(name) && !/^(?:ce-|headgate-(?:queue|attempt|delivery|deadline)$)/.test(name))
    expect(rest.sort()).toEqual(['authorization', 'content-language', 'x-latin', 'x-tenant'])
  })

  test('continues the trace of the message, with a span of its own for each attempt', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    let answers = 0
    const { upstream } = await delivered(
      { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: 'a=b', 'x-trace-id': 'f'.repeat(32), 'x-span-id': 'junk' } },
      {
        answer: (_req, res) => {
          answers += 1
          res.writeHead(answers === 1 ? 503 : 204).end()
        },
      },
    )
    expect(upstream.seen).toHaveLength(2)
    const spans = upstream.seen.map(({ headers }) => {
      expect(headers).toMatchObject({ 'x-trace-id': traceId, 'x-parent-span-id': '00f067aa0ba902b7', 'x-sampled': 'true', tracestate: 'a=b' })
      expect(headers['traceparent']).toBe(`00-${traceId}-${String(headers['x-span-id'])}-01`)
      return headers['x-span-id']
    })
    expect(new Set(spans).size).toBe(2)
  })

  test('begins a trace for a message that has none, one for all attempts', async () => {
    const { upstream } = await delivered(
      {},
      { answer: status(500), config: { redelivery: { backoff: 'constant', baseDelayMs: 0, maxDelayMs: 0, deadLetterAfter: 1 } } },
    )
    expect(upstream.seen).toHaveLength(3)
    expect(new Set(upstream.seen.map(({ headers }) => headers['x-trace-id'])).size).toBe(1)
    expect(upstream.seen[0]?.headers['x-parent-span-id']).toBeUndefined()
  })

  test('takes dates and names of other systems as they are', async () => {
    const { headers } = await seen({ id: 'a b/ü', publishedAtMs: Number.NaN, headers: { 'idempotency-key': 'ü' } })
    expect(headers).toMatchObject({ 'ce-id': 'a%20b/%C3%BC', 'idempotency-key': 'a%20b/%C3%BC' })
    expect(headers['ce-time']).toBeUndefined()
  })
})

describe('the answer', () => {
  const job = { headers: { [jobHeader]: '1' } }

  test('is kept for those who wait for it', async () => {
    const { jobs } = await delivered(job, { answer: (_req, res) => void res.writeHead(201, { 'content-type': 'text/plain' }).end('paid') })
    expect(jobs).toEqual([
      { id: 'm1', state: 'processing', attempts: 0 },
      { id: 'm1', state: 'completed', attempts: 1, result: { status: 201, contentType: 'text/plain', body: Buffer.from('paid') } },
    ])
  })

  test('is left out where it is too large, or breaks off: the status has decided', async () => {
    const large = await delivered(job, { answer: (_req, res) => void res.writeHead(200).end(Buffer.alloc(maxResultBytes + 1)) })
    expect(large.jobs[1]).toMatchObject({ state: 'completed', result: { status: 200, body: undefined } })
    const exact = await delivered(job, { answer: (_req, res) => void res.writeHead(200).end(Buffer.alloc(maxResultBytes)) })
    expect(exact.jobs[1]?.result?.body).toHaveLength(maxResultBytes)
    const broken = await delivered(job, {
      answer: (_req, res) => {
        res.writeHead(200, { 'content-length': '100' })
        res.write('half')
        setImmediate(() => res.destroy())
      },
    })
    expect(broken.jobs[1]).toMatchObject({ state: 'completed', result: { status: 200, body: undefined } })
    for (const { broker, upstream } of [large, exact, broken])
      expect([broker.settled[0]?.settlement.outcome, upstream.seen.length]).toEqual(['ack', 1])
  })

  test('of endless length holds up nobody who does not wait for it', async () => {
    const { broker, upstream } = await delivered(
      {},
      {
        answer: (_req, res) => {
          res.writeHead(200)
          const more = setInterval(() => res.write(Buffer.alloc(64 * 1024)), 1)
          res.on('close', () => clearInterval(more))
        },
      },
    )
    expect([broker.settled[0]?.settlement.outcome, upstream.seen.length]).toEqual(['ack', 1])
  })

  test('that never ends is cut off, and counts among the requests at the same time until then', async () => {
    let open = 0
    let most = 0
    const { broker, upstream } = await scene({
      config: { concurrency: 2 },
      answer: (_req, res) => {
        open += 1
        most = Math.max(most, open)
        res.on('close', () => (open -= 1))
        res.writeHead(200).write('and')
      },
    })
    for (const id of ['m1', 'm2', 'm3', 'm4']) broker.put({ id })
    await until('all are settled', () => broker.settled.length === 4, 10_000)
    expect([most, upstream.seen.length]).toEqual([2, 4])
    expect(broker.settled.map(({ settlement }) => settlement.outcome)).toEqual(['ack', 'ack', 'ack', 'ack'])
    await until('no connection is left behind', () => open === 0)
  })

  test('that never comes is a failed attempt, as are a refused connection and one that breaks off', async () => {
    const broken = await startTcpUpstream((socket) => socket.on('data', () => socket.destroy()))
    const service = logicalService(serviceConfig({ name: 'payments', urls: [broken.url] }), testDeps())
    const config = { redelivery: { backoff: 'constant', baseDelayMs: 0, maxDelayMs: 0, deadLetterAfter: 2 } } as const
    const one = await scene({ config, deps: { service } })
    one.broker.put({ id: 'm1' })
    await until('the message is parked', () => one.broker.deadLetters.length === 1)
    expect(one.broker.deadLetters[0]).toMatchObject({ attempts: 6, settlement: { reason: 'failed', error: { type: 'upstream_reset' } } })
    await broken.close()
    one.broker.put({ id: 'm2' })
    await until('the message is parked', () => one.broker.deadLetters.length === 2)
    expect(one.broker.deadLetters[1]).toMatchObject({ attempts: 6, settlement: { error: { type: 'upstream_connect_failed' } } })
    await service.close()
    one.broker.put({ id: 'm3' })
    await until('the message is parked', () => one.broker.deadLetters.length === 3)
    expect(one.broker.deadLetters[2]).toMatchObject({ attempts: 6, settlement: { error: { type: 'no_upstream' } } })
  })

  test('on a kept connection that the service closes meanwhile costs no attempt', async () => {
    let requests = 0
    const closing = await startTcpUpstream((socket) => {
      let first = true
      socket.on('data', (piece: Buffer) => {
        // The body, which is JSON, ends the request.
        if (!piece.toString().endsWith('}')) return
        requests += 1
        // Answers once and lets the second request on the connection meet its end.
        if (first) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
        else socket.destroy()
        first = false
      })
    })
    const service = logicalService(serviceConfig({ name: 'payments', urls: [closing.url], maxConnections: 1 }), testDeps())
    const { broker, consumer } = await scene({ config: { concurrency: 1 }, deps: { service } })
    for (const id of ['m1', 'm2', 'm3']) broker.put({ id })
    await until('all are settled', () => broker.settled.length === 3)
    expect(broker.settled.map(({ settlement }) => settlement.outcome)).toEqual(['ack', 'ack', 'ack'])
    expect([requests, consumer.status().retries]).toEqual([5, 0])
    await service.close()
    await closing.close()
  })
})

describe('those who wait for a message', () => {
  const job = { headers: { [jobHeader]: '1' } }

  test('see it queued again with its last error, and parked at the end', async () => {
    const { jobs } = await scene({
      answer: status(503),
      config: {
        retry: { backoff: 'constant', baseDelayMs: 0, maxDelayMs: 0, maxAttempts: 2 },
        redelivery: { backoff: 'constant', baseDelayMs: 0, maxDelayMs: 0, deadLetterAfter: 2 },
      },
    }).then(async (one) => {
      one.broker.put({ id: 'm1', ...job })
      await until('the message is parked', () => one.broker.deadLetters.length === 1)
      return one
    })
    const lastError = { type: 'status_503', message: 'The service answered 503' }
    expect(jobs).toEqual([
      { id: 'm1', state: 'processing', attempts: 0 },
      { id: 'm1', state: 'queued', attempts: 2, lastError },
      { id: 'm1', state: 'processing', attempts: 2 },
      { id: 'm1', state: 'dead_lettered', attempts: 4, lastError },
    ])
  })

  test('see it failed where its queue keeps no dead letters', async () => {
    const { jobs } = await delivered(job, { answer: status(400), queue: { deadLetter: false } })
    expect(jobs[1]).toMatchObject({ state: 'failed', attempts: 1, lastError: { type: 'status_400' } })
  })

  test('do not keep a delivery from being settled, however long the store takes', async () => {
    const { consumer } = await delivered(job, { deps: { jobs: { update: () => new Promise(() => undefined) } } })
    expect(consumer.status().settled.ack).toBe(1)
  })

  test('are not told of messages whose sender does not ask', async () => {
    const { jobs } = await delivered({})
    expect(jobs).toEqual([])
  })
})
