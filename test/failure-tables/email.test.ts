import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { createServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeCertificates } from '../kit/certificates.ts'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { until } from '../kit/until.ts'
import { startTcpUpstream } from '../kit/upstream.ts'
import { caller } from './caller.ts'
import type { Caller, ToldCaller } from './caller.ts'
import { mailYaml, startMailProviders } from './mail-providers.ts'
import type { MailProviders } from './mail-providers.ts'

let providers: MailProviders
let gateway: TestGateway
let shop: Caller
const closing: (() => Promise<void>)[] = []

const start = async (settings?: Parameters<typeof mailYaml>[1]): Promise<void> => {
  gateway = await startGateway(mailYaml(providers, settings))
  shop = caller(gateway.url)
}

beforeEach(async () => {
  providers = await startMailProviders()
})
afterEach(async () => {
  await gateway.close()
  for (const close of closing.splice(0).toReversed()) await close()
  await providers.close()
})

const send = (input: object = {}, key = 'a', path = '/api/mails'): Promise<ToldCaller> =>
  shop.post(path, { to: ['ada@example.com'], subject: 'Hello', text: 'How are you?', ...input }, { 'idempotency-key': key })

const taken = (): { readonly sendgrid: number; readonly ses: number; readonly smtp: number } => ({
  sendgrid: providers.sendgrid.mails().length,
  ses: providers.ses.mails().length,
  smtp: providers.smtp.mails().length,
})

const waitsBetween = (): readonly number[] =>
  providers.door.posts().map(({ atMs }, index, all) => (index === 0 ? 0 : atMs - (all[index - 1]?.atMs ?? 0)))

/** Of the queue, whatever came of them. */
const deliveries = async (): Promise<number> =>
  Array.from((await gateway.metrics()).matchAll(/^headgate_deliveries_total\{[^}]*queue="email.send"[^}]*\} (\d+)/gm), ([, count]) =>
    Number(count),
  ).reduce((sum, count) => sum + count, 0)

const tooMany = (headers: Record<string, string> = {}): { status: number; headers: Record<string, string>; body: object } => ({
  status: 429,
  headers,
  body: { errors: [{ field: null, message: 'too many requests' }] },
})

describe('rate limit', () => {
  test('of the provider: sent after the delay, and not before', async () => {
    await start({ delay: '1500ms' })
    providers.door.script(tooMany())
    const told = await send()
    expect(told).toMatchObject({ status: 202, headers: { 'retry-after': '2' }, body: { status: 'processing', message: 'It will be sent' } })
    expect(taken()).toEqual({ sendgrid: 0, ses: 0, smtp: 0 })
    expect((await shop.statusOf(told, 'completed')).body).toMatchObject({ result: { body: { id: 'message-1' } } })
    const waits = waitsBetween()
    expect(waits).toHaveLength(2)
    expect(waits[1]).toBeGreaterThanOrEqual(1500)
    expect(taken()).toEqual({ sendgrid: 1, ses: 0, smtp: 0 })
    expect(await send()).toMatchObject({ status: 200, body: { id: 'message-1' } })
    expect(taken().sendgrid).toBe(1)
  })

  test('as the design says: after 60 seconds, longer where the provider asks for it, and a stubborn caller changes nothing', async () => {
    await start()
    providers.door.always(tooMany())
    const told = await send()
    expect(told).toMatchObject({ status: 202, headers: { 'retry-after': '60' }, body: { message: 'It will be sent' } })
    expect(await send()).toMatchObject({ status: 202, body: { id: told.body['id'] } })
    providers.door.always(tooMany({ 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 90) }))
    const longer = await send({}, 'b')
    expect(Number(longer.headers['retry-after'])).toBeGreaterThan(88)
    expect(Number(longer.headers['retry-after'])).toBeLessThanOrEqual(91)
    providers.door.always('pass')
    // The consumer has its message, and lets it be.
    await until('the consumer has put both off', async () => (await deliveries()) === 2)
    expect((await shop.get(String(told.body['status_url']))).body).toMatchObject({ status: 'queued', last_error: { type: 'rate_limited' } })
    expect(providers.door.posts()).toHaveLength(2)
  })
})

describe('a queue that forgets', () => {
  test('before the wait is over: what was promised is sent all the same, not before its time, once', async () => {
    await start({ delay: '1500ms', queueTtl: '200ms' })
    providers.door.script(tooMany())
    const told = await send()
    expect(told).toMatchObject({ status: 202, body: { message: 'It will be sent' } })
    await shop.statusOf(told, 'completed')
    await until('its message is among the dead ones', async () => (await gateway.sample('headgate_queue_dead_letters{queue="email.send"}')) === 1)
    expect(waitsBetween()[1]).toBeGreaterThanOrEqual(1500)
    expect(taken()).toEqual({ sendgrid: 1, ses: 0, smtp: 0 })
  })
})

describe('timeout', () => {
  test('before the mail was sent: tried three times, sent once', async () => {
    const certificates = await makeCertificates()
    const [key, cert] = await Promise.all([readFile(certificates.keyFile), readFile(certificates.certFile)])
    const secure = createServer({ key, cert }, (socket) => {
      const onward = connect(providers.door.port, '127.0.0.1')
      socket.on('error', () => onward.destroy())
      onward.on('error', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
    })
    await new Promise<void>((resolve) => void secure.listen(0, '127.0.0.1', resolve))
    let connections = 0
    const front = await startTcpUpstream((socket) => {
      connections += 1
      if (connections <= 2) return
      const onward = connect((secure.address() as AddressInfo).port, '127.0.0.1')
      onward.on('error', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
    })
    closing.push(
      async () => certificates.remove(),
      async () => void secure.close(),
      () => front.close(),
    )
    const retry = 'retry: { backoff: linear, max_attempts: 3, base_delay: 1ms, max_delay: 20ms }'
    await start({ baseUrl: `https://127.0.0.1:${front.port}`, more: [retry, `tls: { ca_file: ${certificates.caFile} }`] })
    expect(await send()).toMatchObject({ status: 200, body: { id: 'message-1' } })
    expect(connections).toBe(3)
    expect(providers.door.posts()).toHaveLength(1)
    expect(taken()).toEqual({ sendgrid: 1, ses: 0, smtp: 0 })
  })

  test('after it was sent: sent again, and counted as possibly doubled', async () => {
    await start()
    providers.door.script('mute')
    expect(await send()).toMatchObject({ status: 200 })
    expect(providers.door.posts()).toHaveLength(2)
    expect(taken()).toEqual({ sendgrid: 2, ses: 0, smtp: 0 })
    expect(await gateway.sample('headgate_duplicates_possible_total{integration="email"}')).toBe(1)
  })

  test('three times: given up, and a caller who repeats the request sends no fourth one', async () => {
    await start()
    providers.door.script('mute', 'mute', 'mute')
    const told = await send()
    expect(told).toMatchObject({ status: 504, body: { code: 'OPERATION_FAILED', failure: 'timeout' } })
    expect(await send()).toMatchObject({ status: 504, body: { id: told.body['id'] } })
    expect(providers.door.posts()).toHaveLength(3)
  })
})

describe('network error', () => {
  test.each(['email_ses', 'email_smtp'] as const)('nothing listens: sent by %s, once', async (fallback) => {
    await start({ baseUrl: providers.sendgrid.url, fallback })
    await providers.sendgrid.down()
    expect(await send()).toMatchObject({ status: 200 })
    await providers.sendgrid.up()
    const once = { sendgrid: 0, ses: fallback === 'email_ses' ? 1 : 0, smtp: fallback === 'email_smtp' ? 1 : 0 }
    expect(taken()).toEqual(once)
    // The mail stays with who has sent it.
    expect(await send()).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' } })
    expect(taken()).toEqual(once)
    expect(await gateway.sample('headgate_duplicates_possible_total{integration="email"}')).toBe(0)
  })

  test('the connection breaks, the mail was not taken: sent by the other, counted as possibly doubled', async () => {
    await start()
    providers.door.script('refuse')
    expect(await send()).toMatchObject({ status: 200, body: { id: 'ses-1' } })
    expect(providers.door.posts()).toHaveLength(1)
    expect(taken()).toEqual({ sendgrid: 0, ses: 1, smtp: 0 })
    expect(await gateway.sample('headgate_duplicates_possible_total{integration="email"}')).toBe(1)
  })

  test('the connection breaks, the mail was taken: one more at most, under the same key, and counted', async () => {
    await start()
    providers.door.script('cut')
    expect(await send()).toMatchObject({ status: 200, body: { id: 'ses-1' } })
    expect(taken()).toEqual({ sendgrid: 1, ses: 1, smtp: 0 })
    expect(providers.ses.mails()[0]?.key).toBe(providers.sendgrid.mails()[0]?.key)
    expect(await gateway.sample('headgate_duplicates_possible_total{integration="email"}')).toBe(1)
    await send()
    expect(taken()).toEqual({ sendgrid: 1, ses: 1, smtp: 0 })
  })
})

describe('invalid address', () => {
  test.each([
    ['that is none: the provider hears nothing', 'not-an-address', 0],
    ['that the provider refuses', 'ada@invalid.example.com', 1],
  ])('%s; logged, skipped, and the caller is told', async (_name, address, asked) => {
    await start()
    const told = await send({ to: [address] })
    expect(told).toMatchObject({ status: 200, body: { status: 'skipped', message: 'No such address' } })
    expect(await send({ to: [address] })).toMatchObject({ status: 200, body: { id: told.body['id'], status: 'skipped' } })
    expect(providers.door.posts()).toHaveLength(asked)
    expect(taken()).toEqual({ sendgrid: 0, ses: 0, smtp: 0 })
    const line = gateway.log.find((one) => one.includes('invalid_email')) ?? ''
    expect(JSON.parse(line)).toMatchObject({ integration: 'email', operation: 'send', kind: 'invalid_email', action: 'skip' })
    expect(line).not.toContain(address)
    expect(providers.admins.seen).toEqual([])
  })
})

test('blocked domain: an alert for the admins, once for several mails, and the callers are told', async () => {
  await start()
  const body = { errors: [{ field: 'personalizations.0.to', message: 'The recipient domain is on the block list: blocked' }] }
  providers.door.always({ status: 403, body })
  for (const key of ['a', 'b']) {
    const told = await send({ to: ['ada@blocked.example.com'] }, key)
    expect(told).toMatchObject({
      status: 422,
      headers: { 'content-type': 'application/problem+json' },
      body: { code: 'OPERATION_FAILED', failure: 'blocked_domain', detail: 'We may not write there' },
    })
  }
  expect(await send({ to: ['ada@blocked.example.com'] })).toMatchObject({ status: 422 })
  expect(providers.door.posts()).toHaveLength(2)
  await until('the alert has come', () => providers.admins.seen.length > 0)
  expect(providers.admins.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /admins'])
  const alert = providers.admins.seen[0]?.body ?? ''
  expect(JSON.parse(alert)).toMatchObject({
    about: 'email.send/blocked_domain',
    severity: 'warning',
    fields: { kind: 'blocked_domain', status: 403 },
  })
  expect(alert).not.toContain('ada@')
  expect(taken()).toEqual({ sendgrid: 0, ses: 0, smtp: 0 })
})

test('template error: sent with the default template, once, and the caller hears nothing of it', async () => {
  await start()
  const mail = { template: 'd-gone', data: { name: 'Ada' } }
  expect(await send(mail)).toMatchObject({ status: 200, body: { id: 'message-1' } })
  expect(providers.door.posts().map(({ body }) => (JSON.parse(body) as { readonly template_id?: string }).template_id)).toEqual([
    'd-gone',
    'd-default',
  ])
  expect(providers.sendgrid.mails()).toMatchObject([{ to: ['ada@example.com'], subject: 'News', template: 'd-default', data: { name: 'Ada' } }])
  await send(mail)
  expect(taken().sendgrid).toBe(1)
})

test('template error of the default template as well: the caller is told, and there is no third try', async () => {
  await start()
  const body = { errors: [{ field: 'template_id', message: 'The template_id must be a valid template ID' }] }
  providers.door.always({ status: 400, body })
  expect(await send({ template: 'd-gone' })).toMatchObject({ status: 422, body: { failure: 'template_error' } })
  expect(providers.door.posts()).toHaveLength(2)
})
