import { WebhookRejected } from '../../../gateway/plugin.ts'
import type { AdapterContext, Json, WebhookEvent, WebhookRequest } from '../../../gateway/plugin.ts'
import { at, integerAt, listAt, present, textAt } from '../json.ts'
import type { PaymentEventName } from '../payment.ts'
import type { PaypalClient } from './client.ts'
import { failureOf } from './failure.ts'
import { moneyIn } from './money.ts'

const names: Readonly<Record<string, PaymentEventName>> = {
  'CHECKOUT.ORDER.APPROVED': 'PaymentRequiresCapture',
  'PAYMENT.AUTHORIZATION.CREATED': 'PaymentRequiresCapture',
  'PAYMENT.AUTHORIZATION.VOIDED': 'PaymentCanceled',
  'PAYMENT.CAPTURE.COMPLETED': 'PaymentSucceeded',
  'PAYMENT.CAPTURE.DENIED': 'PaymentFailed',
  'PAYMENT.CAPTURE.DECLINED': 'PaymentFailed',
  'PAYMENT.CAPTURE.REFUNDED': 'PaymentRefunded',
  'CUSTOMER.DISPUTE.CREATED': 'PaymentDisputed',
}

/** How far ahead PayPal's clock may be. */
const skewMs = 300_000
const id = /^[\w-]{1,100}$/

/**
 * Has PayPal check its signature (`verify-webhook-signature`), after all that can be checked without it: so that no certificates of strangers
 * are fetched and no chain of trust is kept here. The event is handed on exactly as it came, since the signature covers its bytes.
 * @throws {WebhookRejected}
 * @throws {ProviderFailure} when PayPal cannot be asked now; it sends the webhook again.
 */
export async function paypalEvents(
  request: WebhookRequest,
  context: AdapterContext,
  paypal: PaypalClient,
  signal: AbortSignal,
): Promise<readonly WebhookEvent[]> {
  const { text, event } = bodyOf(request.body)
  const question = questionOf(request.headers, context)
  const body = `${JSON.stringify(question).slice(0, -1)},"webhook_event":${text}}`
  const headers = { 'content-type': 'application/json' }
  const answer = await context.http.request({ method: 'POST', path: '/v1/notifications/verify-webhook-signature', body, headers, signal })
  if (answer.status === 400 || answer.status === 422) throw new WebhookRejected('PayPal finds its signature malformed')
  if (answer.status !== 200) throw failureOf(answer, context.now(), 1)
  if (textAt(answer.json(), 'verification_status') !== 'SUCCESS') throw new WebhookRejected('PayPal says that the signature is not its own')
  const read = await eventOf(event, paypal, signal)
  return read === undefined ? [] : [read]
}

function bodyOf(body: Buffer): { readonly text: string; readonly event: Json } {
  const text = body.toString('utf8')
  // Bytes that are no UTF-8 would be handed on altered.
  if (!Buffer.from(text, 'utf8').equals(body)) throw new WebhookRejected('the body is not UTF-8')
  try {
    const event = JSON.parse(text) as Json
    if (typeof event === 'object' && event !== null && !Array.isArray(event)) return { text, event }
  } catch {
    // Said below.
  }
  throw new WebhookRejected('the body is no JSON object')
}

function questionOf(headers: WebhookRequest['headers'], { settings, now }: AdapterContext): Readonly<Record<string, string>> {
  const webhookId = settings['webhook_id']
  if (typeof webhookId !== 'string') throw new WebhookRejected('no webhook_id is configured')
  const header = (name: string, pattern: RegExp, max: number): string => {
    const value = headers[`paypal-${name}`]
    if (value === undefined || value.length > max || !pattern.test(value)) throw new WebhookRejected(`paypal-${name} is missing or malformed`)
    return value
  }
  const time = header('transmission-time', /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)$/, 100)
  const ageMs = now() - Date.parse(time)
  const maxAgeMs = (integerAt(settings, 'webhook_max_age_seconds') ?? 0) * 1000
  if (!(ageMs <= maxAgeMs) || ageMs < -skewMs) throw new WebhookRejected(`sent at ${time}, which is too far from now`)
  const certificate = header('cert-url', /^https:\/\//, 500)
  if (!isPaypal(certificate)) throw new WebhookRejected('the certificate is not one of PayPal')
  return {
    auth_algo: header('auth-algo', /^[A-Za-z0-9]+$/, 100),
    cert_url: certificate,
    transmission_id: header('transmission-id', id, 100),
    transmission_sig: header('transmission-sig', /^[A-Za-z0-9+/=]+$/, 1000),
    transmission_time: time,
    webhook_id: webhookId,
  }
}

function isPaypal(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { hostname, username, port } = new URL(text)
  return username === '' && port === '' && (hostname === 'paypal.com' || hostname.endsWith('.paypal.com'))
}

async function eventOf(event: Json, paypal: PaypalClient, signal: AbortSignal): Promise<WebhookEvent | undefined> {
  const type = names[textAt(event, 'event_type') ?? '']
  if (type === undefined) return undefined
  const resource = at(event, 'resource') ?? null
  const eventId = textAt(event, 'id')
  const atMs = Date.parse(textAt(event, 'create_time') ?? '')
  const unit = at(resource, 'purchase_units', 0) ?? resource
  const money = moneyIn(at(unit, 'amount')) ?? moneyIn(at(resource, 'dispute_amount'))
  const payment = await paymentOf(type, resource, paypal, signal)
  if (eventId === undefined || Number.isNaN(atMs) || money === undefined || payment === undefined) {
    throw new WebhookRejected('the event lacks what its type promises')
  }
  // The `custom_id` of a refund is ours, that of anything else the caller's reference.
  const reference = type === 'PaymentRefunded' || type === 'PaymentDisputed' ? undefined : textAt(unit, 'custom_id')
  const code = textAt(resource, 'status_details', 'reason') ?? textAt(resource, 'reason')
  return { id: eventId, type, atMs, data: present({ payment, ...money, reference, code }), subject: payment }
}

/** The id of the order; refunds and disputes know only the capture, which knows its order. */
async function paymentOf(type: PaymentEventName, resource: Json, paypal: PaypalClient, signal: AbortSignal): Promise<string | undefined> {
  const order = textAt(resource, 'supplementary_data', 'related_ids', 'order_id')
  if (order !== undefined) return order
  if (at(resource, 'purchase_units') !== undefined) return textAt(resource, 'id')
  const capture = captureOf(type, resource)
  if (capture === undefined || !id.test(capture)) return undefined
  const found = await paypal.get(`/v2/payments/captures/${capture}`, signal)
  return textAt(found, 'supplementary_data', 'related_ids', 'order_id') ?? capture
}

function captureOf(type: PaymentEventName, resource: Json): string | undefined {
  if (type === 'PaymentDisputed') return textAt(resource, 'disputed_transactions', 0, 'seller_transaction_id')
  if (type !== 'PaymentRefunded') return textAt(resource, 'id')
  const up = listAt(resource, 'links').find((link) => textAt(link, 'rel') === 'up')
  return /\/captures\/([^/?]+)$/.exec(textAt(up, 'href') ?? '')?.[1]
}
