import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startPaypal } from '../kit/stand-ins/paypal.ts'
import type { PaypalStandIn } from '../kit/stand-ins/paypal.ts'
import { startStripe } from '../kit/stand-ins/stripe.ts'
import type { StripeStandIn } from '../kit/stand-ins/stripe.ts'
import { headgate, runGateway } from '../support/headgate.ts'
import type { RunningGateway } from '../support/headgate.ts'
import { caller } from './caller.ts'
import { startDoor } from './provider-door.ts'
import type { ProviderDoor, Treatment } from './provider-door.ts'

/** Two providers of payments, and the wish to move from one to the other. */
const yaml = (stripe: string, paypal: string, when: string): string => `
integrations:
  payment:
    plugin: stripe
    base_url: ${stripe}
    auth: { type: bearer, token: "\${env:STRIPE_KEY:-sk_test_any}" }
    timeout: 400ms
    retry: { max_attempts: 2, base_delay: 1ms, max_delay: 20ms }
    reconcile: { base_delay: 50ms, max_delay: 200ms }
    failure_modes:
      away: { when: ${when}, then: fallback, to: other }
  other:
    plugin: paypal
    base_url: ${paypal}
    auth: { type: oauth2, client_id: client, client_secret: "\${env:PAYPAL_SECRET:-secret}" }
routing_rules:
  - { path: /api/payments, methods: [POST], integration: payment.create_payment }
`

let folder = ''
let stripe: StripeStandIn
let paypal: PaypalStandIn
let door: ProviderDoor
let gateway: RunningGateway | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-fallback-'))
  ;[stripe, paypal] = await Promise.all([startStripe(), startPaypal()])
  door = await startDoor(stripe.url)
})
afterEach(async () => {
  await gateway?.stop()
  gateway = undefined
  await Promise.all([door.close(), stripe.close(), paypal.close()])
  await rm(folder, { recursive: true })
})

test('a fallback for what may hide a payment is refused before anything runs; for what cannot, it is not', async () => {
  const hiding = [
    'timeout',
    'network_error',
    'provider_error',
    'invalid_response',
    '[service_down, timeout]',
    '{ status: 5xx }',
    '{ status: [503, 504] }',
  ]
  const modes = [...hiding, 'service_down', '{ status: 503 }', 'rate_limited', 'circuit_open'].map(
    (when, index) => `
  payment_${index}:
    plugin: stripe
    auth: { type: bearer, token: "\${env:STRIPE_KEY:-sk_test_any}" }
    failure_modes:
      away: { when: ${when}, then: fallback, to: other }`,
  )
  const other = `
  other:
    plugin: paypal
    auth: { type: oauth2, client_id: client, client_secret: "\${env:PAYPAL_SECRET:-secret}" }`
  const rules = modes.map((_, index) => `\n  - { path: /${index}, methods: [POST], integration: payment_${index}.create_payment }`)
  await writeFile(join(folder, 'gateway.yaml'), `integrations:${modes.join('')}${other}\nrouting_rules:${rules.join('')}\n`)
  const { exitCode, out } = await headgate(['validate', '--format', 'json', 'gateway.yaml'], { cwd: folder })
  const { diagnostics } = JSON.parse(out) as {
    readonly diagnostics: readonly { readonly severity: string; readonly code: string; readonly pointer: string }[]
  }
  const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ code, pointer }) => `${code} ${pointer}`)
  expect({ exitCode, errors }).toEqual({
    exitCode: 1,
    errors: hiding.map((_, index) => `HG3043 /integrations/payment_${index}/failure_modes/away/to`),
  })
})

const paymentsAt = async (treatments: readonly Treatment[]): Promise<{ readonly stripe: number; readonly paypal: number }> => {
  await writeFile(join(folder, 'gateway.yaml'), yaml(door.url, paypal.url, 'service_down'))
  gateway = await runGateway(['-c', 'gateway.yaml'], { cwd: folder })
  const shop = caller(gateway.url)
  door.script(...treatments)
  const payment = { amount: 1050, currency: 'eur', payment_method: 'pm_card_visa', reference: 'order-7' }
  const told = await shop.post('/api/payments', payment, { 'idempotency-key': 'a' })
  if (told.status === 202) await shop.statusOf(told, 'completed')
  expect(await shop.post('/api/payments', payment, { 'idempotency-key': 'a' })).toMatchObject({ status: 200 })
  return { stripe: stripe.charges().get('order-7') ?? 0, paypal: paypal.requests.length }
}

const away: Treatment = { status: 503, body: { error: { type: 'api_error', message: 'away' } } }

test.each<[string, readonly Treatment[]]>([
  ['takes the payment and loses the answer', ['cut', 'cut']],
  ['takes the payment and is silent', ['mute', 'mute']],
  ['takes the payment and is away when it is asked again', ['mute', away, away, away]],
])('a provider that %s: the other one never hears of it', async (_name, treatments) => {
  expect(await paymentsAt(treatments)).toEqual({ stripe: 1, paypal: 0 })
})
