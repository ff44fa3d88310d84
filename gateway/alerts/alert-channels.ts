import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AlertConfig, GatewayConfig } from '../../config/model.ts'
import type { RecordStore } from '../state/record-store.ts'
import { alertAgent, alertSender, AlertNotSent } from './alert-senders.ts'
import type { AlertSender, SenderDeps } from './alert-senders.ts'
import { alertWindows } from './alert-windows.ts'
import type { Alert, Alerts } from './alert.ts'

export interface AlertsDeps extends Omit<SenderDeps, 'agent' | 'retryMs'> {
  /** Always the one in force. */
  readonly store: RecordStore
  readonly log: {
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  epochNow(): number
  /** Wait after the first attempt of a webhook, in milliseconds; 1000 by default. */
  readonly retryMs?: number
}

export interface AlertChannels extends Alerts {
  /** @returns What brings the channels of this configuration into force. */
  prepare(config: Pick<GatewayConfig, 'alerts'>): { enter(): void }
  /** Sends what waits, for `timeoutMs` at most. */
  drain(timeoutMs: number): Promise<void>
  /** What has not been sent goes to the log. */
  close(): Promise<void>
}

interface Channel {
  readonly config: AlertConfig
  readonly send: AlertSender | undefined
}

interface Waiting {
  readonly channel: Channel
  readonly alert: Alert
  readonly atMs: number
  /** Alerts about the same thing that came while it waited, itself included. */
  count: number
}

/** Alerts that wait; what comes beyond goes to the log. */
const maxWaiting = 1000
/** Channels that are slow do not hold up the others, within reason. */
const maxSending = 4

/**
 * Tells people. What waits is kept in memory: an alert is a hint, the facts are in the intents, flows and dead letters that it is about.
 * Each alert that no channel takes stands in the log.
 */
export function alerts(deps: AlertsDeps): AlertChannels {
  const { log, epochNow } = deps
  const windows = alertWindows(deps)
  const agent = alertAgent()
  const closing = new AbortController()
  /** An alert that is raised while one is being sent is about the sending: it goes to the log, or there would be no end. */
  const sending = new AsyncLocalStorage<true>()
  const waiting = new Map<string, Waiting>()
  const busy = new Set<Promise<void>>()
  let channels: ReadonlyMap<string, Channel> = new Map()

  const toLog = (alert: Alert, suppressed: number, why?: string): void => {
    const { about, severity, fields, summary } = alert
    const facts = { alert: about, severity, ...fields, ...(suppressed === 0 ? {} : { suppressed }), ...(why === undefined ? {} : { not_sent: why }) }
    if (severity === 'critical') log.error(facts, summary)
    else log.warn(facts, summary)
  }

  const next = (): void => {
    while (busy.size < maxSending) {
      const [first] = waiting
      if (first === undefined) return
      const [key, one] = first
      waiting.delete(key)
      const work: Promise<void> = sending
        .run(true, () => told(one))
        .finally(() => {
          busy.delete(work)
          next()
        })
      busy.add(work)
    }
  }

  const told = async ({ channel: { config, send }, alert, atMs, count }: Waiting): Promise<void> => {
    try {
      const opened = await windows.open(config.name, alert.about, config.deduplicateMs, count)
      if (opened === undefined) return
      if (send === undefined) {
        toLog(alert, opened.suppressed)
        return
      }
      await send({ ...alert, ...opened, atMs }, closing.signal).catch(async (error: unknown) => {
        toLog(alert, opened.suppressed, error instanceof AlertNotSent ? error.message : 'the channel failed')
        // An email that fails may itself be worth an alert: its window stays, so that the two cannot feed each other.
        if (config.type !== 'email') await windows.release(config.name, alert.about, opened.suppressed + 1)
      })
    } catch (error) {
      log.error({ err: error, alert: alert.about }, 'an alert could not be handled')
    }
  }

  const raise: Alerts['raise'] = (name, alert) => {
    const channel = channels.get(name ?? 'default')
    if (channel === undefined || sending.getStore() === true || closing.signal.aborted) {
      toLog(alert, 0)
      return
    }
    const { config } = channel
    if (config.type === 'email' && alert.fields['integration'] === config.integration) {
      toLog(alert, 0, 'it is about the integration that would send it')
      return
    }
    const key = JSON.stringify([config.name, alert.about])
    const known = waiting.get(key)
    if (known !== undefined) known.count += 1
    else if (waiting.size >= maxWaiting) toLog(alert, 0, 'too many alerts wait')
    else waiting.set(key, { channel, alert, atMs: epochNow(), count: 1 })
    next()
  }

  const idle = async (): Promise<void> => {
    while (busy.size > 0 || waiting.size > 0) await Promise.all(busy)
  }

  const drain = async (timeoutMs: number): Promise<void> => {
    const limit = new AbortController()
    await Promise.race([idle(), sleep(timeoutMs, undefined, { signal: limit.signal }).catch(() => undefined)])
    limit.abort()
  }

  return {
    raise,
    prepare: (config) => {
      const senderDeps = { ...deps, agent, retryMs: deps.retryMs ?? 1000 }
      const prepared = new Map(config.alerts.map((one) => [one.name, { config: one, send: alertSender(one, senderDeps) }]))
      return { enter: () => void (channels = prepared) }
    },
    drain,
    close: async () => {
      for (const { alert, count } of waiting.values()) toLog(alert, count - 1, 'the gateway stops')
      waiting.clear()
      closing.abort()
      await Promise.all(busy)
      await agent.close()
    },
  }
}
