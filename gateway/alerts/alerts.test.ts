import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { AlertConfig } from '../../config/model.ts'
import { startUpstream } from '../../test/kit/upstream.ts'
import { until } from '../../test/kit/until.ts'
import { GatewayError } from '../errors.ts'
import { memoryStore } from '../integrations/test/memory-store.ts'
import type { OperationRequest, OperationResult } from '../integrations/operation.ts'
import type { Message } from '../messaging/message.ts'
import { sqliteRecordStore } from '../state/sqlite-record-store.ts'
import type { RecordStore } from '../state/record-store.ts'
import { alerts } from './alert-channels.ts'
import type { AlertChannels, AlertsDeps } from './alert-channels.ts'
import type { Alert } from './alert.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

const alert: Alert = {
  about: 'payment.create_payment/invalid_response',
  summary: 'Payment answers in a way that nobody understands.',
  severity: 'critical',
  fields: { integration: 'payment', intent: 'int_1' },
}

const sent: OperationResult = { type: 'completed', id: 'int_1', output: {}, replayed: false, by: 'email' }

interface Scene {
  readonly channels: AlertChannels
  readonly logged: object[]
  readonly emails: OperationRequest[]
  readonly messages: { readonly queue: string; readonly message: Message }[]
}

const scene = (configs: readonly AlertConfig[], deps: Partial<AlertsDeps> = {}): Scene => {
  const [logged, emails, messages]: [object[], OperationRequest[], Scene['messages']] = [[], [], []]
  const keep = (fields: object, message: string): void => void logged.push({ ...fields, message })
  const channels = alerts({
    store: memoryStore(Date.now),
    log: { warn: keep, error: keep },
    operations: {
      execute: (request) => {
        emails.push(request)
        return Promise.resolve(sent)
      },
    },
    publisher: {
      toQueue: (queue, message) => {
        messages.push({ queue, message })
        return Promise.resolve()
      },
    },
    secrets: { reveal: (text) => text.replace('${secret:hook#token}', 'revealed') },
    now: () => performance.now(),
    epochNow: Date.now,
    random: () => 0,
    retryMs: 1,
    ...deps,
  })
  channels.prepare({ alerts: configs }).enter()
  open.push(channels)
  return { channels, logged, emails, messages }
}

const webhook = (url: string, changes: object = {}): AlertConfig => ({
  name: 'hook',
  type: 'webhook',
  url,
  headers: [['authorization', 'Bearer ${secret:hook#token}']],
  timeoutMs: 2000,
  deduplicateMs: 60_000,
  ...changes,
})

const email = { name: 'mail', type: 'email', integration: 'email', from: 'a@example.com', to: ['b@example.com'], deduplicateMs: 60_000 } as const

describe('an alert', () => {
  test('goes to the log where no channel is declared, or an unknown one is named', () => {
    const { channels, logged } = scene([])
    channels.raise(undefined, alert)
    channels.raise('nowhere', alert)
    const line = { alert: alert.about, severity: 'critical', ...alert.fields, message: alert.summary }
    expect(logged).toEqual([line, line])
  })

  test('goes to the channel `default` where none is named', async () => {
    const { channels, messages, logged } = scene([{ name: 'default', type: 'queue', queue: 'ops', deduplicateMs: 1000 }])
    channels.raise(undefined, alert)
    await until('it is published', () => messages.length === 1)
    expect(JSON.parse(String(messages[0]?.message.body))).toMatchObject({
      about: alert.about,
      fields: alert.fields,
      suppressed: 0,
      severity: 'critical',
    })
    expect([messages[0]?.queue, messages[0]?.message.contentType, logged]).toEqual(['ops', 'application/json', []])
  })

  test('is posted to a webhook, whose secrets are read as it is sent', async () => {
    const upstream = await startUpstream()
    open.push(upstream)
    const { channels } = scene([webhook(`${upstream.url}/alerts`)])
    channels.raise('hook', alert)
    await until('it is posted', () => upstream.seen[0]?.body !== undefined && upstream.seen[0].body !== '')
    expect(upstream.seen[0]).toMatchObject({
      method: 'POST',
      url: '/alerts',
      headers: { authorization: 'Bearer revealed', 'content-type': 'application/json' },
    })
    expect(JSON.parse(upstream.seen[0]?.body ?? '')).toMatchObject({ about: alert.about, summary: alert.summary })
  })

  test('is posted three times at most, then it stands in the log, without the address', async () => {
    const upstream = await startUpstream((_req, res) => {
      res.statusCode = 503
      res.end()
    })
    open.push(upstream)
    const { channels, logged } = scene([webhook(`${upstream.url}/private-token`)])
    channels.raise('hook', alert)
    await until('it is given up', () => logged.length === 1)
    expect(upstream.seen).toHaveLength(3)
    expect(logged).toMatchObject([{ alert: alert.about, not_sent: 'the webhook answered with status 503' }])
    expect(JSON.stringify(logged)).not.toMatch(/private-token|revealed/)
  })

  test('is posted once where the webhook refuses it', async () => {
    const upstream = await startUpstream((_req, res) => {
      res.statusCode = 401
      res.end()
    })
    open.push(upstream)
    const { channels, logged } = scene([webhook(upstream.url)])
    channels.raise('hook', alert)
    await until('it is given up', () => logged.length === 1)
    expect(upstream.seen).toHaveLength(1)
  })

  test('says nothing of an address that cannot be reached, or of a secret that is missing', async () => {
    const missing = {
      reveal: (): string => {
        throw new GatewayError('SECRET_UNAVAILABLE')
      },
    }
    const gone = scene([webhook('http://127.0.0.1:1/private-token')])
    const unknown = scene([webhook('${secret:hook#url}')], { secrets: missing })
    gone.channels.raise('hook', alert)
    unknown.channels.raise('hook', alert)
    await until('both are given up', () => gone.logged.length === 1 && unknown.logged.length === 1)
    expect(gone.logged).toMatchObject([{ not_sent: expect.stringMatching(/^the webhook could not be reached \(E/) as unknown }])
    expect(unknown.logged).toMatchObject([{ not_sent: 'A secret is not there' }])
  })

  test('is sent as an email with one key for each window', async () => {
    const { channels, emails } = scene([email])
    channels.raise('mail', alert)
    await until('it is sent', () => emails.length === 1)
    expect(emails[0]).toMatchObject({
      integration: 'email',
      operation: 'send',
      scope: 'alert:mail',
      input: { from: 'a@example.com', to: ['b@example.com'], subject: `[critical] ${alert.summary}` },
    })
    expect(emails[0]?.key).toMatch(/^payment\.create_payment\/invalid_response \d+$/)
  })
})

describe('alerts about the same thing', () => {
  test('are sent once in their time, and the next one tells how many were left out', async () => {
    let nowMs = 1_000_000
    const { channels, messages } = scene([{ name: 'q', type: 'queue', queue: 'ops', deduplicateMs: 1000 }], {
      store: memoryStore(() => nowMs),
      epochNow: () => nowMs,
    })
    for (let i = 0; i < 5; i += 1) {
      channels.raise('q', alert)
      await channels.drain(1000)
    }
    for (let i = 0; i < 3; i += 1) channels.raise('q', { ...alert, about: 'another' })
    await channels.drain(1000)
    nowMs += 1001
    channels.raise('q', alert)
    await channels.drain(1000)
    const seen = messages.map(({ message }) => JSON.parse(String(message.body)) as { about: string; suppressed: number })
    expect(seen).toMatchObject([
      { about: alert.about, suppressed: 0 },
      { about: 'another', suppressed: 0 },
      { about: alert.about, suppressed: 4 },
    ])
  })

  test('are sent once by all processes with one store', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'headgate-alerts-'))
    open.push({ close: () => rm(folder, { recursive: true, force: true }) })
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
    const stores: RecordStore[] = [1, 2].map(() => sqliteRecordStore({ path: join(folder, 'store.db'), log, now: Date.now }))
    open.push(...stores)
    const scenes = stores.map((store) => scene([{ name: 'q', type: 'queue', queue: 'ops', deduplicateMs: 60_000 }], { store }))
    for (let i = 0; i < 10; i += 1) for (const { channels } of scenes) channels.raise('q', alert)
    await Promise.all(scenes.map(({ channels }) => channels.drain(5000)))
    expect(scenes.flatMap(({ messages }) => messages)).toHaveLength(1)
  })

  test('are sent again after one that could not be sent', async () => {
    let works = false
    const taken: Message[] = []
    const toQueue = (_queue: string, message: Message): Promise<void> =>
      works ? Promise.resolve(void taken.push(message)) : Promise.reject(new GatewayError('BROKER_UNAVAILABLE'))
    const { channels, logged } = scene([{ name: 'q', type: 'queue', queue: 'ops', deduplicateMs: 60_000 }], { publisher: { toQueue } })
    channels.raise('q', alert)
    await channels.drain(1000)
    works = true
    channels.raise('q', alert)
    await channels.drain(1000)
    expect(logged).toHaveLength(1)
    expect(JSON.parse(String(taken[0]?.body))).toMatchObject({ suppressed: 1 })
  })

  test('are told although the store is away, once by each process', async () => {
    const store = memoryStore(Date.now)
    store.away = true
    const { channels, messages } = scene([{ name: 'q', type: 'queue', queue: 'ops', deduplicateMs: 60_000 }], { store })
    for (let i = 0; i < 3; i += 1) {
      channels.raise('q', alert)
      await channels.drain(1000)
    }
    expect(messages).toHaveLength(1)
  })
})

describe('an alert about the channel itself', () => {
  test('is not sent by the integration that it is about', () => {
    const { channels, emails, logged } = scene([email])
    channels.raise('mail', { ...alert, fields: { integration: 'email' } })
    expect([emails.length, logged.length]).toEqual([0, 1])
  })

  test('does not come back when it is raised while one is sent', async () => {
    let raised = 0
    const execute = (): Promise<OperationResult> => {
      raised += 1
      // A fallback of the email integration that fails as well.
      one.channels.raise('mail', { ...alert, about: `fallback ${raised}`, fields: { integration: 'other' } })
      return Promise.reject(new Error('no email can be sent'))
    }
    const one = scene([email], { operations: { execute } })
    one.channels.raise('mail', alert)
    await one.channels.drain(1000)
    one.channels.raise('mail', alert)
    await one.channels.drain(1000)
    expect(raised).toBe(1)
    expect(one.logged).toHaveLength(2)
  })
})

test('more alerts than can wait go to the log', async () => {
  const { channels, logged, messages } = scene([{ name: 'q', type: 'queue', queue: 'ops', deduplicateMs: 60_000 }])
  for (let i = 0; i < 1010; i += 1) channels.raise('q', { ...alert, about: `about ${i}` })
  const dropped = logged.length
  await channels.drain(5000)
  expect(dropped).toBe(6)
  expect(messages).toHaveLength(1004)
})
