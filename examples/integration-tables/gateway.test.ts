import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadAdapters } from '../../cli/adapters.ts'
import { load } from '../../config/load.ts'
import type { GatewayConfig } from '../../config/model.ts'

const config = async (): Promise<GatewayConfig> => {
  const paths = ['integration-design', 'integration-tables'].map((name) => join(import.meta.dirname, '..', name))
  const { config: found, diagnostics } = await load({ paths, env: {}, cwd: '/', adapters: loadAdapters })
  if (found === undefined) throw new Error(JSON.stringify(diagnostics))
  return found
}

test('payments fail as the table of the document says', async () => {
  const payment = (await config()).integrations.find(({ name }) => name === 'payment')
  const create = payment?.operations.find(({ name }) => name === 'create_payment')
  expect(create?.failureModes.map(({ name, then, queue, tell }) => [name, then, queue, tell?.[0]?.text])).toEqual([
    ['service_down', 'queue', 'payment.process', 'Processing payment...'],
    ['rate_limited', 'back_off_and_queue', 'payment.process', 'High volume, please wait'],
    ['network_timeout', 'idempotent_retry', undefined, 'Verifying payment...'],
    ['invalid_response', 'log_and_alert', undefined, 'Technical issue'],
  ])
  expect(payment).toMatchObject({ plugin: 'stripe', criticality: 'high', timeoutMs: 30_000, retry: { maxAttempts: 3, backoff: 'exponential' } })
})

test('operations of payments are undone as the table of the document says', async () => {
  const operations = (await config()).integrations.find(({ name }) => name === 'payment')?.operations ?? []
  const rows = operations.flatMap(({ name, idempotency, compensation }) => (compensation === undefined ? [] : [[name, idempotency, compensation]]))
  expect(rows).toEqual([
    ['create_payment', 'required', 'refund'],
    ['capture_payment', 'built-in', 'release_authorization'],
    ['refund', 'required', 'manual_review'],
  ])
})

test('mails go by the limits and the strategy of the document', async () => {
  const email = (await config()).integrations.find(({ name }) => name === 'email')
  const modes = email?.operations.find(({ name }) => name === 'send')?.failureModes ?? []
  expect(modes.map(({ name, then, delayMs, to, template, alert }) => [name, then, delayMs ?? to ?? template ?? alert])).toEqual([
    ['rate_limit', 'back_off_and_queue', 60_000],
    ['network_error', 'fallback', 'email_fallback'],
    ['invalid_email', 'skip', undefined],
    ['blocked_domain', 'notify', 'admins'],
    ['template_error', 'use_default_template', 'd-default'],
  ])
  expect(email).toMatchObject({ timeoutMs: 10_000, retry: { maxAttempts: 5, backoff: 'linear' } })
})

test('people stay signed in while their provider is away', async () => {
  const login = (await config()).integrations.find(({ name }) => name === 'login')
  expect(login?.operations.find(({ name }) => name === 'verify')?.failureModes.map(({ then }) => then)).toEqual(['use_local_session'])
  expect(login?.settings).toMatchObject({ jwks_cache: '24h', local_sessions: '1h' })
})
