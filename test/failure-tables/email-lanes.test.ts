import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { until } from '../kit/until.ts'
import { caller } from './caller.ts'
import type { Caller, ToldCaller } from './caller.ts'
import { mailYaml, startMailProviders } from './mail-providers.ts'
import type { MailProviders } from './mail-providers.ts'

let providers: MailProviders
let gateway: TestGateway
let shop: Caller

const start = async (settings?: Parameters<typeof mailYaml>[1]): Promise<void> => {
  gateway = await startGateway(mailYaml(providers, settings))
  shop = caller(gateway.url)
}

beforeEach(async () => {
  providers = await startMailProviders()
})
afterEach(async () => {
  await gateway.close()
  await providers.close()
})

const send = (path: string, key: string): Promise<ToldCaller> =>
  shop.post(path, { to: [`${key}@example.com`], subject: 'Hello', text: 'How are you?' }, { 'idempotency-key': key })

const sendMany = (path: string, count: number, name: string): Promise<ToldCaller[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => send(path, `${name}-${index}`)))

const counts = (told: readonly ToldCaller[]): Readonly<Record<number, number>> => {
  const statuses: Record<number, number> = {}
  for (const { status } of told) statuses[status] = (statuses[status] ?? 0) + 1
  return statuses
}

/** How many mails each call to the provider held. */
const calls = (): readonly number[] =>
  providers.door.posts().map(({ body }) => (JSON.parse(body) as { readonly personalizations: readonly unknown[] }).personalizations.length)

/** When the provider had got each mail, by their order. */
const arrivals = (): readonly number[] => providers.door.posts().flatMap(({ atMs }, call) => Array.from({ length: calls()[call] ?? 0 }, () => atMs))

describe('transactional mail', () => {
  test('100 in a second at once, the 101st not before the second is over, and all are sent', async () => {
    await start({ more: ['retry: { backoff: linear, max_attempts: 5 }'] })
    const beganAtMs = performance.now()
    const told = await sendMany('/api/mails', 130, 'receipt')
    expect(counts(told)).toEqual({ 200: 130 })
    expect(arrivals()).toHaveLength(130)
    expect((arrivals()[100] ?? 0) - beganAtMs).toBeGreaterThanOrEqual(1000)
    expect(providers.sendgrid.mails()).toHaveLength(130)
  })

  test('goes before newsletters that have waited for longer', async () => {
    await start({
      more: ['rate_limit: 10/s', 'retry: { backoff: linear, max_attempts: 5, max_delay: 10s }'],
      send: '{ priority: P0 }',
      bulk: '{ priority: P2 }',
    })
    const newsletters = sendMany('/api/newsletters', 20, 'news')
    await until('the first ten are sent, the others wait', () => providers.sendgrid.mails().length === 10)
    const receipts = sendMany('/api/mails', 10, 'receipt')
    expect([counts(await receipts), counts(await newsletters)]).toEqual([{ 200: 10 }, { 200: 20 }])
    const order = providers.sendgrid.mails().map(({ to }) => to[0]?.split('-')[0])
    const ten = (name: string): readonly string[] => Array.from({ length: 10 }, () => name)
    expect(order).toEqual([...ten('news'), ...ten('receipt'), ...ten('news')])
    expect((arrivals()[20] ?? 0) - (arrivals()[0] ?? 0)).toBeGreaterThan(1000)
  })
})

describe('newsletters', () => {
  test('1000 in an hour: two calls of 500, and the next ones wait in the queue for as long as the limit says', async () => {
    await start({ bulk: '{ rate_limit: 1000/h, priority: P2, batch: { size: 500, max_wait: 20s } }' })
    expect(counts(await sendMany('/api/newsletters', 1000, 'news'))).toEqual({ 200: 1000 })
    expect(calls()).toEqual([500, 500])
    expect(new Set(providers.sendgrid.mails().map(({ key }) => key)).size).toBe(1000)

    const told = await sendMany('/api/newsletters', 3, 'late')
    for (const one of told) {
      expect(one).toMatchObject({ status: 202, body: { message: 'It will be sent' } })
      expect(Number(one.headers['retry-after'])).toBeGreaterThan(3500)
      expect(Number(one.headers['retry-after'])).toBeLessThanOrEqual(3600)
      expect((await shop.get(String(one.body['status_url']))).body).toMatchObject({
        status: 'queued',
        attempts: 0,
        last_error: { type: 'rate_limited' },
      })
    }
    expect(calls()).toEqual([500, 500])
    // Receipts are another lane.
    expect(await send('/api/mails', 'receipt')).toMatchObject({ status: 200 })
  }, 60_000)

  test('beyond the limit come later by themselves, in batches, never more than allowed, each once', async () => {
    await start({ delay: '100ms', bulk: '{ rate_limit: 10/s, priority: P2, batch: { size: 5, max_wait: 50ms } }' })
    const beganAtMs = performance.now()
    const told = await sendMany('/api/newsletters', 25, 'news')
    expect(counts(told)).toEqual({ 200: 10, 202: 15 })
    expect(calls()).toEqual([5, 5])
    await Promise.all(told.filter(({ status }) => status === 202).map((one) => shop.statusOf(one, 'completed', 20_000)))
    expect(providers.sendgrid.mails()).toHaveLength(25)
    expect(new Set(providers.sendgrid.mails().map(({ key }) => key)).size).toBe(25)
    expect(calls().length).toBeLessThanOrEqual(15)
    // Whatever the way to the provider adds: the eleventh is let go a second after the first, the 21st a second after the eleventh.
    expect((arrivals()[10] ?? 0) - beganAtMs).toBeGreaterThanOrEqual(1000)
    expect((arrivals()[20] ?? 0) - beganAtMs).toBeGreaterThanOrEqual(2000)
  }, 40_000)
})
