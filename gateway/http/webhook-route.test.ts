import { afterEach, expect, test } from 'vitest'
import { ask } from '../../test/kit/ask.ts'
import { GatewayError } from '../errors.ts'
import { WebhookRejected } from '../plugin.ts'
import type { WebhookRequest } from '../plugin.ts'
import { ruleOf, startDoor } from './test/door.ts'
import type { Door } from './test/door.ts'
import { webhookRoute } from './webhook-route.ts'

let door: Door
let seen: [string, WebhookRequest][] = []

async function start(answer: () => Promise<number>): Promise<void> {
  seen = []
  const config = ruleOf({ target: { type: 'webhook', integration: 'payment' } })
  const webhook = (integration: string, request: WebhookRequest): Promise<number> => {
    seen.push([integration, request])
    return answer()
  }
  door = await startDoor((parts) => [webhookRoute(config, 'payment', { ...parts, webhook })])
}

afterEach(() => door.close())

const post = (): ReturnType<typeof ask> =>
  ask(`${door.url}/orders?a=1`, { method: 'POST', body: ' {"id" :1}\n', headers: { 'Stripe-Signature': 't=1,v1=ab' } })

test('a webhook is handed over byte for byte, and answered with 200 when its events are published', async () => {
  await start(() => Promise.resolve(2))
  const got = await post()
  expect([got.status, JSON.parse(got.body)]).toEqual([200, { received: 2 }])
  expect(seen[0]?.[0]).toBe('payment')
  expect(seen[0]?.[1]).toMatchObject({ method: 'POST', url: '/orders?a=1', headers: { 'stripe-signature': 't=1,v1=ab' } })
  expect(seen[0]?.[1].body.toString()).toBe(' {"id" :1}\n')
})

test('a forged one is refused with 400, and without a hint what was wrong', async () => {
  await start(() => Promise.reject(new WebhookRejected('v1 does not match')))
  const got = await post()
  expect([got.status, JSON.parse(got.body)]).toMatchObject([400, { code: 'WEBHOOK_REJECTED' }])
  expect(got.body).not.toContain('v1')
})

test('one whose events cannot be published is to be sent again', async () => {
  await start(() => Promise.reject(new GatewayError('BROKER_UNAVAILABLE')))
  expect((await post()).status).toBe(503)
})

test('a GET is no webhook', async () => {
  await start(() => Promise.resolve(0))
  expect((await ask(`${door.url}/orders`, {})).status).toBe(405)
})
