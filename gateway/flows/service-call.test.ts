import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { startTcpUpstream, startUpstream } from '../../test/kit/upstream.ts'
import type { SeenRequest } from '../../test/kit/upstream.ts'
import { metrics } from '../observe/metrics.ts'
import { logicalService } from '../services/logical-service.ts'
import { deadOrigin, serviceConfig, testDeps } from '../services/test/fixtures.ts'
import type { CallResult } from './call-result.ts'
import { serviceCall } from './service-call.ts'
import type { ServiceCall } from './service-call.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

const request: ServiceCall['request'] = { type: 'service', service: 'shop', method: 'POST', endpoint: '/a', path: '/a', headers: [], body: { a: 1 } }

const called = (url: string, changes: Partial<ServiceCall['request']> = {}, more: Partial<ServiceCall> = {}): Promise<CallResult> => {
  const service = logicalService(serviceConfig({ name: 'shop', urls: [url] }), testDeps())
  open.push(service)
  const call = {
    service,
    request: { ...request, ...changes },
    key: 'flow_1.a',
    traceparent: '00-a-b-01',
    timeoutMs: 5000,
    signal: new AbortController().signal,
  }
  return serviceCall({ ...call, ...more }, { metrics: metrics({ process: false }), now: () => performance.now(), epochNow: Date.now })
}

const answered = async (handler: (req: IncomingMessage, res: ServerResponse, seen: SeenRequest) => void): Promise<CallResult> => {
  const upstream = await startUpstream(handler)
  open.push(upstream)
  return called(upstream.url)
}

test.each([
  ['{"id":"1"}', { id: '1' }],
  ['[1]', [1]],
  ['', null],
  ['plain text', 'plain text'],
])('the answer %j is read as it is', async (body, output) => {
  expect(await answered((_req, res) => void res.end(body))).toEqual({ type: 'done', output })
})

test.each([
  [200, 'done', undefined],
  [204, 'done', undefined],
  [302, 'failed', 'unknown'],
  [400, 'failed', 'no'],
  [404, 'failed', 'no'],
  [409, 'failed', 'no'],
  [408, 'again', 'unknown'],
  [425, 'again', 'no'],
  [429, 'again', 'no'],
  [500, 'again', 'unknown'],
  [503, 'again', 'no'],
])('the status %i means %s', async (status, type, executed) => {
  const result = await answered((_req, res) => {
    res.statusCode = status
    res.end()
  })
  expect(result).toMatchObject(executed === undefined ? { type } : { type, failure: { executed, status } })
})

test('the service says when to come again', async () => {
  const result = await answered((_req, res) => {
    res.writeHead(429, { 'retry-after': '3' })
    res.end()
  })
  expect(result).toMatchObject({ type: 'again', delayMs: 3000, counted: true, unanswered: false })
})

test('an answer that is too large to keep is a failure whose effect has happened', async () => {
  const result = await answered((_req, res) => void res.end('x'.repeat(2 * 1024 * 1024)))
  expect(result).toMatchObject({ type: 'failed', failure: { kind: 'invalid_response', executed: 'yes' } })
})

test('a request that never left has no effect, one that got no answer may have one', async () => {
  const refused = await called(await deadOrigin())
  expect(refused).toMatchObject({ type: 'again', counted: true, unanswered: false, failure: { kind: 'network_error', executed: 'no' } })
  const tcp = await startTcpUpstream((socket) => void socket.once('data', () => socket.destroy()))
  open.push(tcp)
  expect(await called(tcp.url)).toMatchObject({ type: 'again', unanswered: true, failure: { kind: 'network_error', executed: 'unknown' } })
})

test('the time limit covers the whole answer', async () => {
  const slow = await startUpstream((_req, res) => void res.write('{'))
  open.push(slow)
  expect(await called(slow.url, {}, { timeoutMs: 30 })).toMatchObject({
    type: 'again',
    unanswered: true,
    failure: { kind: 'timeout', executed: 'unknown' },
  })
  expect(await called(slow.url, {}, { signal: AbortSignal.timeout(30) })).toMatchObject({ type: 'again', unanswered: true })
})

test('headers of the flow are sent, but not in place of those of the gateway', async () => {
  const upstream = await startUpstream()
  open.push(upstream)
  const headers = [
    ['x-tenant', 'a'],
    ['accept', 'text/plain'],
    ['content-type', 'application/merge-patch+json'],
    ['idempotency-key', 'mine'],
    ['host', 'elsewhere'],
  ] as const
  await called(upstream.url, { headers, method: 'PATCH' })
  expect(upstream.seen[0]).toMatchObject({
    method: 'PATCH',
    body: '{"a":1}',
    headers: {
      'x-tenant': 'a',
      accept: 'text/plain',
      'content-type': 'application/merge-patch+json',
      'idempotency-key': 'flow_1.a',
      traceparent: '00-a-b-01',
    },
  })
  expect(upstream.seen[0]?.headers.host).toBe(new URL(upstream.url).host)
})

test('a request without a body has none', async () => {
  const upstream = await startUpstream()
  open.push(upstream)
  await called(upstream.url, { method: 'DELETE', body: undefined })
  expect(upstream.seen[0]?.headers['content-type']).toBe(undefined)
})

test('a kept connection that is closed under a request is no failed attempt', async () => {
  let connections = 0
  const closing = await startTcpUpstream((socket) => {
    connections += 1
    socket.on('data', () => {
      // The first answer keeps the connection, and the second request finds it closed.
      if (connections === 1 && socket.bytesWritten > 0) socket.destroy()
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')
    })
  })
  open.push(closing)
  const service = logicalService(serviceConfig({ name: 'shop', urls: [closing.url] }), testDeps())
  open.push(service)
  const call = { service, request, key: 'k', traceparent: '00-a-b-01', timeoutMs: 5000, signal: new AbortController().signal }
  const deps = { metrics: metrics({ process: false }), now: () => performance.now(), epochNow: Date.now }
  expect(await serviceCall(call, deps)).toEqual({ type: 'done', output: {} })
  expect(await serviceCall(call, deps)).toEqual({ type: 'done', output: {} })
  expect(connections).toBe(2)
})
