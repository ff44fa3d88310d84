import { createHash } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import type { Message } from '../messaging/message.ts'
import type { WebhookEvent, WebhookRequest } from '../plugin.ts'
import type { RecordStore } from '../state/record-store.ts'
import { within } from './integration.ts'
import type { Integration, IntegrationLog } from './integration.ts'

export interface WebhookIntakeDeps {
  readonly store: RecordStore
  readonly log: IntegrationLog
  /** Whether the configuration in force declares the event. */
  isDeclared(event: string): boolean
  publishEvent(event: string, message: Message): Promise<void>
  epochNow(): number
}

const kind = 'webhook'
/** How long the process that publishes an event may take; then another copy of the webhook may be published. */
const claimMs = 30_000
/** Providers send again for three days at most. */
const rememberMs = 7 * 86_400_000
const verifyWithinMs = 10_000

/**
 * Checks a webhook and publishes its events, each of them once by the provider's own id.
 * @returns How many were new.
 * @throws {WebhookRejected}
 * @throws {GatewayError} WEBHOOK_REJECTED, BROKER_UNAVAILABLE, STATE_UNAVAILABLE, IDEMPOTENCY_IN_PROGRESS: the provider is to send it again.
 */
export async function webhookIntake(from: Integration, request: WebhookRequest, deps: WebhookIntakeDeps): Promise<number> {
  const { instance, config } = from
  if (instance.webhook === undefined) throw new GatewayError('WEBHOOK_REJECTED', { detail: `${config.name} takes no webhooks` })
  const leave = from.use()
  const controller = new AbortController()
  try {
    const events = await within(verifyWithinMs, instance.webhook(request, { signal: controller.signal }))
    let published = 0
    for (const event of events) if (await intake(config.name, event, deps)) published += 1
    return published
  } finally {
    controller.abort()
    leave()
  }
}

/** @returns Whether it is new here. */
async function intake(integration: string, event: WebhookEvent, deps: WebhookIntakeDeps): Promise<boolean> {
  const { store, epochNow } = deps
  if (!deps.isDeclared(event.type)) {
    deps.log.info({ integration, event: event.type }, `${integration} tells of ${event.type}, which no event in the configuration is named after`)
    return false
  }
  const id = createHash('sha256')
    .update(JSON.stringify([integration, event.id]))
    .digest('hex')
  const record = { kind, id, group: integration, dueAtMs: Infinity, createdAtMs: epochNow(), value: JSON.stringify({ type: event.type }) }
  const version = await store.put({ ...record, state: 'taken', expiresAtMs: epochNow() + claimMs }, 0)
  if (version === undefined) {
    const known = await store.get(kind, id)
    if (known?.state === 'seen') return false
    throw new GatewayError('IDEMPOTENCY_IN_PROGRESS', { retryAfterSeconds: 1 })
  }
  try {
    await deps.publishEvent(event.type, messageOf(integration, event, id, epochNow()))
  } catch (error) {
    await store.remove(kind, id, version).catch(() => false)
    throw error
  }
  // Where this is lost, the event may be published twice, with one id.
  await store.put({ ...record, state: 'seen', expiresAtMs: epochNow() + rememberMs }, version).catch(() => undefined)
  return true
}

/** A CloudEvent in binary mode; its id is that of the provider. */
function messageOf(integration: string, { id, type, atMs, data, subject }: WebhookEvent, hash: string, nowMs: number): Message {
  const headers: Record<string, string> = {
    'ce-specversion': '1.0',
    'ce-id': percentEncoded(id),
    'ce-source': percentEncoded(`/integrations/${integration}`),
    'ce-type': percentEncoded(type),
    'ce-time': new Date(atMs).toISOString(),
  }
  if (subject !== undefined) headers['ce-subject'] = percentEncoded(subject)
  return {
    id: `evt_${hash.slice(0, 36)}`,
    body: Buffer.from(JSON.stringify(data)),
    contentType: 'application/json',
    headers,
    key: subject,
    publishedAtMs: nowMs,
  }
}

/** Source: CloudEvents HTTP binding 1.0.2, section 3.1.3.2. */
const percentEncoded = (text: string): string =>
  text.replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character.toWellFormed()))
