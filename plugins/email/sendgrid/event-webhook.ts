import { createPublicKey, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { WebhookRejected } from '../../../gateway/plugin.ts'
import type { Json, WebhookEvent, WebhookRequest } from '../../../gateway/plugin.ts'
import { fieldsOf, mailEvent, textOf } from '../events.ts'
import type { MailEvent } from '../events.ts'
import { keyArgument } from './request.ts'

export interface EventWebhook {
  /** As SendGrid shows it: base64 of the DER form. */
  readonly publicKey: string
  readonly maxAgeMs: number
  now(): number
}

const skewMs = 300_000

/** @throws Error for the author of the configuration. */
export function verificationKey(text: string): KeyObject {
  let key: KeyObject | undefined
  try {
    key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
  } catch {
    // Told below, without the text.
  }
  if (key?.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('settings.webhook.public_key is no ECDSA key on P-256 in base64')
  return key
}

/**
 * Signed Event Webhook: ECDSA over SHA-256 of timestamp and body.
 * Source: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
 * @throws {WebhookRejected}
 */
export function readEvents({ headers, body }: WebhookRequest, { publicKey, maxAgeMs, now }: EventWebhook): WebhookEvent[] {
  const signature = headers['x-twilio-email-event-webhook-signature']
  const timestamp = headers['x-twilio-email-event-webhook-timestamp']
  if (signature === undefined || timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) throw new WebhookRejected('no signature or no timestamp')
  const signed = Buffer.concat([Buffer.from(timestamp), body])
  if (!verify('sha256', signed, { key: verificationKey(publicKey), dsaEncoding: 'der' }, Buffer.from(signature, 'base64'))) {
    throw new WebhookRejected('the signature does not fit')
  }
  const ageMs = now() - Number(timestamp) * 1000
  if (ageMs > maxAgeMs || ageMs < -skewMs) throw new WebhookRejected('the timestamp is too old, or ahead of the clock')
  return eventsIn(body).flatMap((event) => read(fieldsOf(event)))
}

function eventsIn(body: Buffer): readonly Json[] {
  try {
    const events: unknown = JSON.parse(body.toString())
    if (Array.isArray(events)) return events as readonly Json[]
  } catch {
    // Told below.
  }
  throw new WebhookRejected('the body is no list of events')
}

function read(event: Readonly<Record<string, Json>>): WebhookEvent[] {
  const [id, email, messageId] = [textOf(event['sg_event_id']), textOf(event['email']), textOf(event['sg_message_id'])]
  const type = typeOf(event)
  const timestamp = event['timestamp']
  if (type === undefined || id === undefined || email === undefined || messageId === undefined || typeof timestamp !== 'number') return []
  const reason = textOf(event['reason']) ?? textOf(event['response'])
  // `X-Message-Id` of the answer, and what SendGrid's own servers have appended.
  const sent = messageId.replace(/\.(?:filter|recvd)[\s\S]*$/, '')
  return [mailEvent({ id, type, atMs: timestamp * 1000, email, reason, messageId: sent, key: textOf(event[keyArgument]) })]
}

/** `dropped`: SendGrid does not even try, for its own list says so. Deferred, opened, clicked and the like are nobody's failure. */
function typeOf(event: Readonly<Record<string, Json>>): MailEvent['type'] | undefined {
  switch (event['event']) {
    case 'bounce':
      return event['type'] === 'blocked' ? 'EmailBlocked' : 'EmailBounced'
    case 'dropped':
      return 'EmailBlocked'
    case 'delivered':
      return 'EmailDelivered'
    case 'spamreport':
      return 'EmailComplained'
    default:
      return undefined
  }
}
