import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { compileTemplate } from '../../../config/templates/template.ts'
import type { Json, WebhookEvent } from '../../../gateway/plugin.ts'
import type { WebhookSettings } from './settings.ts'
import { signedWebhook } from './webhook.ts'

const nowMs = Date.parse('2026-03-01T12:00:00Z')
const plain: WebhookSettings = {
  secret_encoding: 'text',
  header: 'X-Signature',
  algorithm: 'hmac-sha256',
  encoding: 'hex',
  tolerance: '5m',
  id: '{{ body.id }}',
  type: '{{ body.type }}',
  data: '{{ body }}',
  events: { 'booking.made': 'BookingMade' },
}
const timed: WebhookSettings = { ...plain, timestamp_header: 'X-Time' }

const secrets: Record<string, string> = { 'settings.webhook.secret': 'new secret', 'settings.webhook.previous_secret': 'old secret' }

const receive = (settings: WebhookSettings, body: string, headers: Readonly<Record<string, string>>): Promise<readonly WebhookEvent[]> =>
  signedWebhook(settings, { template: compileTemplate, secret: (path) => secrets[path], now: () => nowMs })({
    method: 'POST',
    url: '/hooks/bookings',
    headers,
    body: Buffer.from(body),
  })

const sign = (text: string, secret: string | Buffer = 'new secret', encoding: 'hex' | 'base64' = 'hex'): string =>
  createHmac('sha256', secret).update(text).digest(encoding)

const event = { id: 'e1', type: 'booking.made', seats: 2 }
const body = JSON.stringify(event)
const seconds = String(nowMs / 1000)
const rejected = { name: 'WebhookRejected' }

test('takes what was signed, and gives its events', async () => {
  expect(await receive(plain, body, { 'x-signature': sign(body) })).toEqual([{ id: 'e1', type: 'BookingMade', atMs: nowMs, data: event }])
})

test('leaves out events that nobody named, and takes several at once', async () => {
  const list = JSON.stringify([event, { id: 'e2', type: 'booking.seen' }, { id: 3, type: 'booking.made' }])
  expect((await receive(plain, list, { 'x-signature': sign(list) })).map(({ id }) => id)).toEqual(['e1', '3'])
})

test('fills id, time, subject and data by templates', async () => {
  const settings: WebhookSettings = {
    ...timed,
    id: '{{ headers["x-event"] }}',
    type: 'booking.made',
    at: '{{ body.?at }}',
    subject: 'bookings/{{ body.id }}',
    data: { seats: '{{ body.seats }}' },
  }
  const headers = { 'x-signature': sign(`${seconds}.${body}`), 'x-time': seconds, 'x-event': 'h1' }
  const made = { id: 'h1', type: 'BookingMade', atMs: nowMs, data: { seats: 2 }, subject: 'bookings/e1' }
  expect(await receive(settings, body, headers)).toEqual([made])
  const dated = JSON.stringify({ ...event, at: '2026-02-28T00:00:00Z' })
  expect(await receive(settings, dated, { ...headers, 'x-signature': sign(`${seconds}.${dated}`) })).toEqual([
    { ...made, atMs: Date.parse('2026-02-28T00:00:00Z') },
  ])
})

describe('refuses', () => {
  test.each<[string, Record<string, string>]>([
    ['no signature', {}],
    ['an empty one', { 'x-signature': '' }],
    ['one of another body', { 'x-signature': sign(`${body} `) }],
    ['one with another secret', { 'x-signature': sign(body, 'guessed') }],
    ['one that is cut', { 'x-signature': sign(body).slice(0, 32) }],
    ['one that is written otherwise', { 'x-signature': sign(body, 'new secret', 'base64') }],
  ])('%s', async (_what, headers) => {
    await expect(receive(plain, body, headers)).rejects.toMatchObject(rejected)
  })

  test.each([
    ['from five minutes ago', -301],
    ['from the future', 301],
  ])('what was sent %s', async (_what, ahead) => {
    const time = String(nowMs / 1000 + ahead)
    const headers = { 'x-time': time, 'x-signature': sign(`${time}.${body}`) }
    await expect(receive(timed, body, headers)).rejects.toMatchObject(rejected)
    const near = String(nowMs / 1000 + ahead - Math.sign(ahead))
    expect(await receive(timed, body, { 'x-time': near, 'x-signature': sign(`${near}.${body}`) })).toHaveLength(1)
  })

  test('a time that was changed, or is missing', async () => {
    const old = String(nowMs / 1000 - 3600)
    await expect(receive(timed, body, { 'x-time': seconds, 'x-signature': sign(`${old}.${body}`) })).rejects.toMatchObject(rejected)
    await expect(receive(timed, body, { 'x-signature': sign(`.${body}`) })).rejects.toMatchObject(rejected)
  })

  test.each(['no JSON', '{"type":"booking.made"}', '{"type":"booking.made","id":""}'])('%s though it is signed', async (text) => {
    await expect(receive(plain, text, { 'x-signature': sign(text) })).rejects.toMatchObject(rejected)
  })

  test('a secret that has no bytes: everybody could sign with it', async () => {
    const settings = { ...plain, secret_encoding: 'hex' as const }
    await expect(receive(settings, body, { 'x-signature': sign(body, '') })).rejects.toMatchObject(rejected)
  })
})

test('takes the secret before, and one of several signatures', async () => {
  expect(await receive(plain, body, { 'x-signature': sign(body, 'old secret') })).toHaveLength(1)
  expect(await receive(plain, body, { 'x-signature': `${sign('other')}, ${sign(body)}` })).toHaveLength(1)
})

test('speaks the ways of others: GitHub and Standard Webhooks', async () => {
  const github = { ...plain, header: 'X-Hub-Signature-256', prefix: 'sha256=' }
  expect(await receive(github, body, { 'x-hub-signature-256': `sha256=${sign(body)}` })).toHaveLength(1)
  await expect(receive(github, body, { 'x-hub-signature-256': sign(body) })).rejects.toMatchObject(rejected)

  const standard: WebhookSettings = {
    ...plain,
    secret_encoding: 'base64',
    header: 'webhook-signature',
    encoding: 'base64',
    prefix: 'v1,',
    timestamp_header: 'webhook-timestamp',
    signed: '{header:webhook-id}.{timestamp}.{body}',
    id: '{{ headers["webhook-id"] }}',
  }
  const bytes = Buffer.from('0123456789abcdef01234567')
  secrets['settings.webhook.secret'] = `whsec_${bytes.toString('base64')}`
  const signature = sign(`msg_1.${seconds}.${body}`, bytes, 'base64')
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': seconds, 'webhook-signature': `v1,AAAA v1,${signature} v1a,xyz` }
  expect((await receive(standard, body, headers)).map(({ id }) => id)).toEqual(['msg_1'])
  await expect(receive(standard, body, { ...headers, 'webhook-id': 'msg_2' })).rejects.toMatchObject(rejected)
  secrets['settings.webhook.secret'] = 'new secret'
})

test.each<[string, Partial<WebhookSettings>, string]>([
  ['does not sign the body', { signed: '{timestamp}', timestamp_header: 'x-time' }, 'has to name {body} once'],
  ['does not sign the time', { signed: '{body}', timestamp_header: 'x-time' }, 'belong together'],
  ['signs a time that nobody sends', { signed: '{timestamp}.{body}' }, 'belong together'],
  ['has a wrong template', { id: '{{ bodi.id }}' }, 'webhook.id'],
])('cannot be used where it %s', (_what, over, message) => {
  const context = { template: compileTemplate, secret: () => 'x', now: () => nowMs }
  expect(() => signedWebhook({ ...plain, ...over }, context)).toThrow(message)
})

test('data is any JSON', async () => {
  const settings: WebhookSettings = { ...plain, data: '{{ body.seats }}' }
  const [made]: readonly { readonly data: Json }[] = await receive(settings, body, { 'x-signature': sign(body) })
  expect(made?.data).toBe(2)
})
