import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { AlertConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { Operations } from '../integrations/operation.ts'
import type { Publisher } from '../messaging/publisher.ts'
import type { Secrets } from '../secrets/secrets.ts'
import type { Alert } from './alert.ts'

/** An alert on its way, with what is told beside it. */
export interface SentAlert extends Alert {
  /** Of the same kind that were left out before it. */
  readonly suppressed: number
  /** Milliseconds since the epoch. */
  readonly atMs: number
  /** Beginning of the time within which it is told once. */
  readonly openedAtMs: number
}

/** Resolves when the channel has taken it. @throws AlertNotSent */
export type AlertSender = (alert: SentAlert, signal: AbortSignal) => Promise<void>

/** The message says why in the gateway's own words: no address, no secret. */
export class AlertNotSent extends Error {
  override readonly name = 'AlertNotSent'
}

export interface SenderDeps {
  readonly operations: Pick<Operations, 'execute'>
  readonly publisher: Pick<Publisher, 'toQueue'>
  readonly secrets: Secrets
  /** Of webhooks. */
  readonly agent: Agent
  /** Milliseconds on a monotonic clock. */
  now(): number
  random(): number
  /** Waits between attempts, in milliseconds. */
  readonly retryMs: number
}

/** Connections to webhooks; alerts are too seldom to keep any. */
export const alertAgent = (): Agent => new Agent({ allowH2: false, pipelining: 0, connections: 4, connect: { timeout: 5000 } })

const attempts = 3
const maxAnswerBytes = 64 * 1024

/** How alerts of a channel are sent; undefined for those that only go to the log. */
export function alertSender(config: AlertConfig, deps: SenderDeps): AlertSender | undefined {
  switch (config.type) {
    case 'log':
      return undefined
    case 'webhook':
      return webhookSender(config, deps)
    case 'email':
      return emailSender(config, deps)
    case 'queue':
      return queueSender(config, deps)
  }
}

/** The document of an alert, the same for webhooks and queues. */
const documentOf = ({ about, summary, severity, fields, suppressed, atMs }: SentAlert): string =>
  JSON.stringify({ about, summary, severity, at: new Date(atMs).toISOString(), suppressed, fields })

type Webhook = Extract<AlertConfig, { readonly type: 'webhook' }>

function webhookSender({ url, headers, timeoutMs }: Webhook, { secrets, agent, random, retryMs }: SenderDeps): AlertSender {
  const once = async (body: string, signal: AbortSignal): Promise<number> => {
    const revealed: Record<string, string> = { 'content-type': 'application/json', 'user-agent': 'headgate' }
    for (const [name, value] of headers) revealed[name] = secrets.reveal(value)
    // A timer of its own: one that stands for "never" would not fit into `AbortSignal.timeout`.
    const ends = timeoutMs === Infinity ? signal : AbortSignal.any([signal, AbortSignal.timeout(Math.min(timeoutMs, 2 ** 31 - 1))])
    const answer = await request(secrets.reveal(url), { method: 'POST', headers: revealed, body, dispatcher: agent, signal: ends })
    await answer.body.dump({ limit: maxAnswerBytes, signal: ends }).catch(() => undefined)
    return answer.statusCode
  }
  return async (alert, signal) => {
    const body = documentOf(alert)
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await once(body, signal).catch((error: unknown) => reasonOf(error))
      if (typeof outcome === 'number' && outcome >= 200 && outcome < 300) return
      const passing = typeof outcome === 'string' || outcome === 408 || outcome === 429 || outcome >= 500
      if (!passing || attempt === attempts || signal.aborted) {
        throw new AlertNotSent(typeof outcome === 'number' ? `the webhook answered with status ${outcome}` : outcome)
      }
      await sleep(retryMs * 2 ** (attempt - 1) * (0.5 + random()), undefined, { signal }).catch(() => undefined)
    }
  }
}

/** Messages of other libraries may hold the address, which may be a secret. */
function reasonOf(error: unknown): string {
  if (error instanceof GatewayError) return error.message
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return `the webhook could not be reached${typeof code === 'string' && /^[A-Z_]+$/.test(code) ? ` (${code})` : ''}`
}

type Email = Extract<AlertConfig, { readonly type: 'email' }>

/** How long an email may take, its repetitions included. */
const emailTimeoutMs = 60_000

function emailSender({ name, integration, from, to }: Email, { operations, now }: SenderDeps): AlertSender {
  return async (alert, signal) => {
    const result = await operations
      .execute({
        integration,
        operation: 'send',
        input: { from, to: [...to], subject: subjectOf(alert), text: textOf(alert) },
        key: `${alert.about} ${alert.openedAtMs}`,
        scope: `alert:${name}`,
        from: 'door',
        deadlineAtMs: now() + emailTimeoutMs,
        signal,
      })
      .catch((error: unknown) => {
        throw new AlertNotSent(error instanceof GatewayError ? error.message : 'the integration failed', { cause: error })
      })
    if (result.type === 'failed' || result.type === 'wait')
      throw new AlertNotSent(`the email was not sent: ${result.failure?.kind ?? 'it has to wait'}`)
  }
}

const subjectOf = ({ severity, summary }: SentAlert): string => `[${severity}] ${oneLine(summary)}`.slice(0, 200)

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()

function textOf({ about, summary, severity, fields, suppressed, atMs }: SentAlert): string {
  const facts: Alert['fields'] = { about, severity, at: new Date(atMs).toISOString(), ...fields }
  const left = suppressed === 0 ? '' : `\n${suppressed} more of these were not sent before this one.\n`
  return `${summary}\n${left}\n${Object.entries(facts)
    .map(([name, value]) => `${name}: ${oneLine(String(value))}`)
    .join('\n')}\n`
}

type Queue = Extract<AlertConfig, { readonly type: 'queue' }>

const queueSender =
  ({ queue }: Queue, { publisher }: SenderDeps): AlertSender =>
  async (alert) => {
    const message = { id: randomUUID(), body: Buffer.from(documentOf(alert)), contentType: 'application/json', headers: {}, key: undefined }
    await publisher.toQueue(queue, { ...message, publishedAtMs: alert.atMs }).catch((error: unknown) => {
      throw new AlertNotSent(error instanceof GatewayError ? error.message : 'the message could not be published', { cause: error })
    })
  }
