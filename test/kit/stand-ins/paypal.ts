import { createSign, createVerify, generateKeyPairSync, randomUUID } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { faultPlan } from '../../../examples/services/provider-faults.ts'
import type { FaultPlan, FaultRates } from '../../../examples/services/provider-faults.ts'
import { providerServer } from '../../../examples/services/provider-server.ts'
import type { ProviderCall, ProviderReply, ProviderRules, ProviderServer } from '../../../examples/services/provider-server.ts'
import { PaypalRefusal, paypalOrders } from './paypal-orders.ts'
import type { PaypalOrder, PaypalOrders } from './paypal-orders.ts'

export interface PaypalStandIn extends ProviderServer, Pick<FaultPlan, 'script' | 'rates'> {
  /** Oldest first, as `GET /v2/checkout/orders/{id}` shows them. */
  payments(): readonly PaypalOrder[]
  /** How often each reference (`custom_id`) was captured. */
  charges(): ReadonlyMap<string, number>
  /** What the customer does at PayPal. */
  approve(order: string): void
  /** How many tokens were given out. */
  tokens(): number
  /** Headers of a webhook with this body, signed as PayPal signs. */
  signed(body: string, webhookId: string, time?: string): Readonly<Record<string, string>>
}

export interface PaypalOptions {
  readonly faults?: FaultRates
  readonly random?: () => number
  readonly slowMs?: number
}

const failure = (status: number, name: string, issue?: string, headers: Readonly<Record<string, string>> = {}): ProviderReply => ({
  status,
  headers,
  body: { name, message: 'What went wrong, in words.', debug_id: '1', ...(issue === undefined ? {} : { details: [{ issue }] }) },
})

const troubles: Readonly<Record<Parameters<ProviderRules['trouble']>[0], ProviderReply>> = {
  busy: failure(409, 'RESOURCE_CONFLICT', 'PREVIOUS_REQUEST_IN_PROGRESS'),
  other_parameters: failure(422, 'UNPROCESSABLE_ENTITY', 'DUPLICATE_REQUEST_ID'),
  rate_limited: failure(429, 'RATE_LIMIT_REACHED', undefined, { 'retry-after': '2' }),
  unavailable: failure(503, 'SERVICE_UNAVAILABLE'),
  error: failure(500, 'INTERNAL_SERVER_ERROR'),
}

/**
 * A stand-in for PayPal: tokens, orders, captures, authorizations, refunds and its check of webhooks. A request id that worked gives the
 * present state of what it made; one that failed is as new. Source: developer.paypal.com/api/rest/reference/idempotency.
 */
export const startPaypal = async (options: PaypalOptions = {}): Promise<PaypalStandIn> => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const faults = faultPlan(options.faults ?? {}, options.random ?? Math.random)
  const tokens = new Set<string>()
  const place = { url: '' }
  const orders = paypalOrders(() => place.url)

  const token = ({ headers }: ProviderCall): ProviderReply => {
    if (headers.authorization !== `Basic ${Buffer.from('client:secret').toString('base64')}`)
      return { status: 401, body: { error: 'invalid_client' } }
    const issued = `token-${tokens.size + 1}`
    tokens.add(issued)
    return { status: 200, body: { access_token: issued, token_type: 'Bearer', expires_in: 32_400 } }
  }

  const verified = (call: ProviderCall): boolean => {
    const asked = JSON.parse(call.body) as Readonly<Record<string, string>>
    const marker = '"webhook_event":'
    const event = call.body.slice(call.body.indexOf(marker) + marker.length, -1)
    const signed = [asked['transmission_id'], asked['transmission_time'], asked['webhook_id'], crc32(event)].join('|')
    return createVerify('RSA-SHA256')
      .update(signed)
      .verify(publicKey, asked['transmission_sig'] ?? '', 'base64')
  }

  const rules: ProviderRules = {
    keyHeader: 'paypal-request-id',
    storesErrors: false,
    digest: ({ path, body }) => `${path} ${body}`,
    steady: (call) => (call.path === '/v1/oauth2/token' ? token(call) : undefined),
    refused: ({ method, headers }) => {
      if (!tokens.has((headers.authorization ?? '').replace(/^Bearer /, ''))) return failure(401, 'AUTHENTICATION_FAILURE')
      const id = headers['paypal-request-id']
      return method === 'POST' && typeof id === 'string' && id.length > 108 ? failure(400, 'INVALID_REQUEST', 'INVALID_STRING_LENGTH') : undefined
    },
    execute: (call) => {
      if (call.path === '/v1/notifications/verify-webhook-signature') {
        return { reply: { status: 200, body: { verification_status: verified(call) ? 'SUCCESS' : 'FAILURE' } }, stored: false }
      }
      try {
        return { reply: performed(orders, call), stored: true }
      } catch (error) {
        if (!(error instanceof PaypalRefusal)) throw error
        return { reply: failure(error.status, error.status === 404 ? 'RESOURCE_NOT_FOUND' : 'UNPROCESSABLE_ENTITY', error.issue), stored: false }
      }
    },
    replayed: (reply) => {
      const { id } = Object(reply.body) as { readonly id?: string }
      return { status: reply.status === 201 ? 200 : reply.status, body: orders.all().find((order) => order.id === id) ?? reply.body }
    },
    trouble: (what) => troubles[what],
    listing: () => orders.all(),
  }
  const server = await providerServer(rules, { name: 'paypal', faults, slowMs: options.slowMs ?? 300 })
  place.url = server.url
  return {
    ...server,
    script: faults.script,
    rates: faults.rates,
    payments: () => orders.all(),
    charges: () => orders.charges(),
    approve: (order) => orders.approve(order),
    tokens: () => tokens.size,
    signed: (body, webhookId, time = new Date().toISOString()) => {
      const transmission = randomUUID()
      const signer = createSign('RSA-SHA256').update([transmission, time, webhookId, crc32(body)].join('|'))
      return {
        'paypal-transmission-id': transmission,
        'paypal-transmission-time': time,
        'paypal-transmission-sig': signer.sign(privateKey, 'base64'),
        'paypal-cert-url': 'https://api.paypal.com/v1/notifications/certs/CERT-1',
        'paypal-auth-algo': 'SHA256withRSA',
      }
    },
  }
}

/** What PayPal answers unless it is asked for the whole. */
const short = (resource: object): object => Object.fromEntries(Object.entries(resource).filter(([name]) => ['id', 'status', 'links'].includes(name)))

const performed = (orders: PaypalOrders, { method, path, body, headers }: ProviderCall): ProviderReply => {
  const whole = headers['prefer'] === 'return=representation'
  const sent = (method === 'POST' && body !== '' ? JSON.parse(body) : {}) as never
  const made = (resource: object): ProviderReply => ({ status: 201, body: structuredClone(whole ? resource : short(resource)) })
  const [, collection = '', id = '', action = ''] =
    /^\/v2\/(checkout\/orders|payments\/(?:authorizations|captures))(?:\/([^/]+))?(?:\/(\w+))?$/.exec(path) ?? []
  const run: Readonly<Record<string, () => ProviderReply>> = {
    'POST checkout/orders ': () => made(orders.create(sent)),
    'GET checkout/orders ': () => ({ status: 200, body: structuredClone(orders.order(id)) }),
    'POST checkout/orders capture': () => made(orders.complete(id, 'CAPTURE')),
    'POST checkout/orders authorize': () => made(orders.complete(id, 'AUTHORIZE')),
    'POST payments/authorizations capture': () => made(orders.captureAuthorization(id, sent)),
    'POST payments/authorizations void': () => {
      orders.voidAuthorization(id)
      return { status: 204 }
    },
    'POST payments/captures refund': () => made(orders.refund(id, sent)),
    'GET payments/captures ': () => ({ status: 200, body: structuredClone(orders.capture(id)) }),
  }
  const found = run[`${method} ${collection} ${action}`]
  return found === undefined ? failure(404, 'RESOURCE_NOT_FOUND') : found()
}
