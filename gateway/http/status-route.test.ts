import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from '../../test/kit/ask.ts'
import { open } from '../../test/kit/raw.ts'
import { until } from '../../test/kit/until.ts'
import type { JobChange, JobStore } from '../messaging/jobs/job-store.ts'
import { messageId } from '../messaging/jobs/message-id.ts'
import { sqliteJobStore } from '../messaging/jobs/sqlite-job-store.ts'
import { statusRoute } from './status-route.ts'
import { statusWait } from './status-wait.ts'
import { queueOf, ruleOf, startDoor } from './test/door.ts'
import type { Door } from './test/door.ts'

let folder = ''
let jobs: JobStore
let door: Door

const line = (): void => undefined
const shortLived = queueOf({ name: 'short', ttlMs: 1 })
const cors = { origins: ['https://shop'], methods: ['POST'], headers: [], exposeHeaders: [], credentials: true, maxAgeSeconds: 5 }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-status-route-'))
  jobs = sqliteJobStore({
    path: join(folder, 'jobs.db'),
    statusTtlMs: 60_000,
    log: { debug: line, info: line, warn: line, error: line },
    now: Date.now,
  })
  door = await startDoor((parts) => [
    statusRoute({
      ...parts,
      jobs,
      statusPath: '/-/messages',
      queueRules: [ruleOf({ cors })],
      queues: [queueOf(), shortLived],
      consumers: [],
      sources: [],
      wait: statusWait(parts.now),
    }),
  ])
})

afterEach(async () => {
  await door.close()
  await jobs.close()
  await rm(folder, { recursive: true, force: true })
})

async function job(change?: JobChange, queue = 'orders'): Promise<string> {
  const id = messageId(Date.now())
  await jobs.begin({ id, queue, idempotency: undefined })
  await jobs.stored(id)
  if (change !== undefined) await jobs.update(id, change)
  return id
}

const urlOf = (id: string): string => `${door.url}/-/messages/${id}`

describe('the status of a message', () => {
  test('says when to ask again, until it has ended', async () => {
    const running = await ask(urlOf(await job({ state: 'processing', attempts: 2 })))
    expect(running.headers).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store' })
    expect(JSON.parse(running.body)).toMatchObject({ status: 'processing', attempts: 2, created_at: expect.stringMatching(/^\d{4}-.*Z$/) as string })
    const ended = await ask(urlOf(await job({ state: 'failed' })))
    expect([ended.headers['retry-after'], ended.headers['cache-control']]).toEqual([undefined, 'no-store'])
  })

  test('says that a message has expired', async () => {
    const id = await job(undefined, 'short')
    await until('it is too old', async () => {
      const { body } = await ask(urlOf(id))
      return body.includes('"status":"dead_lettered"') && body.includes('"last_error":{"type":"expired"}')
    })
  })

  test('names the type of the last error and not its words', async () => {
    const id = await job({ state: 'dead_lettered', attempts: 15, lastError: { type: 'status_503', message: 'db-7.internal refused' } })
    const { body } = await ask(urlOf(id))
    expect(JSON.parse(body)).toMatchObject({ status: 'dead_lettered', last_error: { type: 'status_503' } })
    expect(body).not.toContain('internal')
  })

  test.each([
    ['application/json', Buffer.from('{"big":12345678901234567890}'), '"body":{"big":12345678901234567890}'],
    ['application/problem+json; charset=utf-8', Buffer.from('[1]'), '"body":[1]'],
    ['application/json', Buffer.from('{broken'), '"body":"{broken"'],
    ['text/plain', Buffer.from('grüße'), '"body":"grüße"'],
    ['text/plain', Buffer.from([0xff]), '"body":"/w==","encoding":"base64"'],
    ['image/png', Buffer.from('png'), '"body":"cG5n","encoding":"base64"'],
  ])('shows a result of %s', async (contentType, body, expected) => {
    const answer = await ask(urlOf(await job({ state: 'completed', result: { status: 200, contentType, body } })))
    const text = Buffer.from(answer.body, 'latin1').toString('utf8')
    expect(text).toContain(expected)
    expect(JSON.parse(text)).toMatchObject({ result: { status: 200, content_type: contentType } })
  })

  test('has no body where that was too large to keep', async () => {
    const { body } = await ask(urlOf(await job({ state: 'completed', result: { status: 200, contentType: 'text/plain', body: undefined } })))
    expect((JSON.parse(body) as { result: unknown }).result).toEqual({ status: 200, content_type: 'text/plain' })
  })

  test('answers HEAD without a body', async () => {
    const answer = await ask(urlOf(await job()), { method: 'HEAD' })
    expect([answer.status, answer.body, answer.headers['retry-after']]).toEqual([200, '', '1'])
  })

  test.each(['x', '%2e%2e', messageId(Date.now()), "' OR 1=1"])('of %j is not known', async (id) => {
    const answer = await ask(urlOf(encodeURI(id)))
    expect([answer.status, (JSON.parse(answer.body) as { code: string }).code]).toEqual([404, 'MESSAGE_NOT_FOUND'])
  })

  test('may be asked for by pages that may send, and by no others', async () => {
    const id = await job()
    const headers = { origin: 'https://shop' }
    const preflight = await ask(urlOf(id), { method: 'OPTIONS', headers: { ...headers, 'access-control-request-method': 'GET' } })
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, 'https://shop'])
    expect((await ask(urlOf(id), { headers })).headers['access-control-allow-origin']).toBe('https://shop')
    expect((await ask(urlOf(id), { headers: { origin: 'https://else' } })).headers['access-control-allow-origin']).toBeUndefined()
  })

  test('cannot be read while the store is away', async () => {
    const id = await job()
    await jobs.close()
    expect((await ask(urlOf(id))).status).toBe(503)
  })
})

describe('a client that would rather wait', () => {
  const waiting = { prefer: 'wait=60' }

  test('is answered when the message has ended', async () => {
    const id = await job()
    const answer = ask(urlOf(id), { headers: waiting })
    await until('the client waits', () => door.metrics.gauges.requestsInFlight === 1)
    await jobs.update(id, { state: 'completed' })
    expect(JSON.parse((await answer).body)).toMatchObject({ status: 'completed' })
    expect((await answer).headers['preference-applied']).toBe('wait=60')
  })

  test('is answered after its time with what is known then', async () => {
    const answer = await ask(urlOf(await job()), { headers: { prefer: 'wait=1' } })
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'queued' })
    expect(answer.ms).toBeGreaterThanOrEqual(990)
  })

  test('costs nothing more once it has gone', async () => {
    const socket = await open(door.port)
    socket.write(`GET /-/messages/${await job()} HTTP/1.1\r\nHost: a\r\nPrefer: wait=60\r\n\r\n`)
    await until('the client waits', () => door.metrics.gauges.requestsInFlight === 1)
    socket.destroy()
    await until('nobody waits', () => door.metrics.gauges.requestsInFlight === 0)
    expect(door.internalErrors).toEqual([])
  })

  test('is answered at once when the gateway drains', async () => {
    const answer = ask(urlOf(await job()), { headers: waiting })
    await until('the client waits', () => door.metrics.gauges.requestsInFlight === 1)
    door.lifecycle.draining = true
    expect((await answer).status).toBe(200)
  })
})
