import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { DeadLetterReason, FailureNote, Settlement } from '../settlement.ts'
import type { DeliveryRow, MessageRow, PublishRequest } from './operations.ts'
import { inlineBytes, state } from './schema.ts'

export type Row = Record<string, SQLOutputValue>

/** A message at the head of its queue, before it is claimed. */
export interface Head extends DeliveryRow {
  readonly enqueuedAtMs: number
  /** Deliveries that ended without a settlement. */
  readonly interruptions: number
}

/** The messages of a file; every call stands within a transaction. Times are milliseconds since the epoch. */
export interface Messages {
  add(queue: number, origin: Pick<PublishRequest, 'exchange' | 'routingKey'>, message: MessageRow, nowMs: number): void
  /** Ready ones in their order, read as they are asked for. */
  heads(queue: number, limit: number): Iterable<Head>
  /** The same without what they carry, which may be large. */
  oldest(queue: number, limit: number): readonly { readonly seq: number; readonly enqueuedAtMs: number }[]
  isWaiting(queue: number): boolean
  /** Counts up to `limit`. */
  countReady(queue: number, limit: number): number
  claim(seq: number, owner: number): void
  /** @returns Delay in milliseconds if the message comes back after one. */
  settle(seq: number, settlement: Exclude<Settlement, { outcome: 'dead_letter' }>, nowMs: number): number | undefined
  /** Goes back at once. `seen` false: as if it had not been delivered. */
  giveBack(seq: number, seen: boolean): void
  park(seq: number, letter: { readonly reason: DeadLetterReason; readonly attempts: number; readonly error: FailureNote }, nowMs: number): void
  remove(seq: number): void
  /** Makes those ready whose delay is over, at most so many. @returns How many. */
  promote(nowMs: number, limit: number): number
  /** When the next delay ends; `Infinity` if there is none. */
  nextDueMs(): number
  /** After the clock went back: no delay is longer than it was meant to be. */
  shortenDelays(nowMs: number): void
}

const maxNoteLength = 500
/** Ten years; the end of a delay must be a number that can be read again. */
const maxDelayMs = 10 * 365 * 86_400_000

export const text = (value: SQLOutputValue | undefined): string => (typeof value === 'string' ? value : '')
export const textOrNull = (value: SQLOutputValue | undefined): string | null => (typeof value === 'string' ? value : null)
export const numberOrNull = (value: SQLOutputValue | undefined): number | null => (typeof value === 'number' ? value : null)
/** An empty blob comes back as NULL. */
export const bytesOf = (value: SQLOutputValue | undefined): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array(0))

export function messages(database: DatabaseSync): Messages {
  const insert = database.prepare(
    `INSERT INTO messages (queue, enqueued_at, published_at, bytes, id, key, content_type, exchange, routing_key, headers, body)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const insertLarge = database.prepare('INSERT INTO large_contents (seq, headers, body) VALUES (?, ?, ?)')
  const selectLarge = database.prepare('SELECT headers, body FROM large_contents WHERE seq = ?')
  const head = database.prepare(
    `SELECT seq, enqueued_at, deliveries, failures, releases, attempts, first_failed_at, id, key, content_type, published_at, headers, body
     FROM messages WHERE queue = ? AND state = ${state.ready} ORDER BY seq LIMIT ?`,
  )
  const oldest = database.prepare(`SELECT seq, enqueued_at FROM messages WHERE queue = ? AND state = ${state.ready} ORDER BY seq LIMIT ?`)
  const waiting = database.prepare(`SELECT 1 FROM messages WHERE queue = ? AND state = ${state.ready} LIMIT 1`)
  const countReady = database.prepare(`SELECT count(*) AS messages FROM (SELECT 1 FROM messages WHERE queue = ? AND state = ${state.ready} LIMIT ?)`)
  const claim = database.prepare(`UPDATE messages SET state = ${state.claimed}, owner = ?, deliveries = deliveries + 1 WHERE seq = ?`)
  const remove = database.prepare('DELETE FROM messages WHERE seq = ?')
  const comeBack = database.prepare(
    `UPDATE messages SET state = ?, due_at = ?, delay_ms = ?, owner = NULL, failures = failures + ?, releases = releases + ?,
       attempts = attempts + ?, first_failed_at = coalesce(first_failed_at, ?) WHERE seq = ?`,
  )
  const giveBack = database.prepare(`UPDATE messages SET state = ${state.ready}, owner = NULL, deliveries = deliveries - ? WHERE seq = ?`)
  // A copy of a message that is parked already; another message that its publisher gave the same id is kept beside it.
  const forgetSame = database.prepare(
    `DELETE FROM dead_letters WHERE (queue, id, body) IS
       (SELECT queue, id, coalesce(messages.body, large_contents.body) FROM messages LEFT JOIN large_contents USING (seq) WHERE seq = ?)`,
  )
  const park = database.prepare(
    `INSERT INTO dead_letters (queue, id, reason, error_type, error_message, attempts, deliveries, published_at, first_failed_at, parked_at,
       bytes, key, content_type, exchange, routing_key, headers, body)
     SELECT queue, id, ?, ?, ?, attempts + ?, deliveries, published_at, coalesce(first_failed_at, ?), ?, bytes, key, content_type, exchange,
       routing_key, coalesce(messages.headers, large_contents.headers), coalesce(messages.body, large_contents.body)
     FROM messages LEFT JOIN large_contents USING (seq) WHERE seq = ?`,
  )
  const promote = database.prepare(
    `UPDATE messages SET state = ${state.ready}, due_at = NULL, delay_ms = NULL WHERE seq IN
       (SELECT seq FROM messages WHERE state = ${state.delayed} AND due_at <= ? ORDER BY due_at LIMIT ?)`,
  )
  const nextDue = database.prepare(`SELECT min(due_at) AS due_at FROM messages WHERE state = ${state.delayed}`)
  const shorten = database.prepare(`UPDATE messages SET due_at = :now + delay_ms WHERE state = ${state.delayed} AND due_at > :now + delay_ms`)

  const headOf = (row: Row): Head => {
    const seq = Number(row['seq'])
    const content = row['headers'] === null ? selectLarge.get(seq) : row
    const deliveries = Number(row['deliveries'])
    const failures = Number(row['failures'])
    return {
      seq,
      id: text(row['id']),
      body: bytesOf(content?.['body']),
      contentType: textOrNull(row['content_type']),
      headers: text(content?.['headers']),
      key: textOrNull(row['key']),
      publishedAtMs: Number(row['published_at']),
      deliveries,
      failures,
      attempts: Number(row['attempts']),
      firstFailedAtMs: numberOrNull(row['first_failed_at']),
      enqueuedAtMs: Number(row['enqueued_at']),
      interruptions: deliveries - failures - Number(row['releases']),
    }
  }

  return {
    add: (queue, { exchange, routingKey }, message, nowMs) => {
      const { id, body, contentType, headers, key, publishedAtMs } = message
      const inline = body.length + headers.length <= inlineBytes
      const content = inline ? ([headers, body] as const) : ([null, null] as const)
      const { lastInsertRowid } = insert.run(queue, nowMs, publishedAtMs, body.length, id, key, contentType, exchange, routingKey, ...content)
      if (!inline) insertLarge.run(lastInsertRowid, headers, body)
    },
    heads: function* heads(queue, limit) {
      // All at once: the rows that are read must not change while a statement steps through them.
      for (const row of head.all(queue, limit)) yield headOf(row)
    },
    oldest: (queue, limit) => oldest.all(queue, limit).map((row) => ({ seq: Number(row['seq']), enqueuedAtMs: Number(row['enqueued_at']) })),
    isWaiting: (queue) => waiting.get(queue) !== undefined,
    countReady: (queue, limit) => Number(countReady.get(queue, limit)?.['messages']),
    claim: (seq, owner) => {
      claim.run(owner, seq)
    },
    settle: (seq, settlement, nowMs) => {
      if (settlement.outcome === 'ack') {
        remove.run(seq)
        return undefined
      }
      const delayMs = Math.min(Math.max(0, Math.ceil(settlement.delayMs)), maxDelayMs)
      const failed = settlement.outcome === 'retry'
      comeBack.run(
        delayMs > 0 ? state.delayed : state.ready,
        delayMs > 0 ? nowMs + delayMs : null,
        delayMs > 0 ? delayMs : null,
        failed ? 1 : 0,
        failed ? 0 : 1,
        failed ? settlement.attempts : 0,
        failed ? nowMs : null,
        seq,
      )
      return delayMs > 0 ? delayMs : undefined
    },
    giveBack: (seq, seen) => {
      giveBack.run(seen ? 0 : 1, seq)
    },
    park: (seq, { reason, attempts, error }, nowMs) => {
      forgetSame.run(seq)
      const failedAtMs = reason === 'expired' ? null : nowMs
      park.run(reason, error.type, error.message.slice(0, maxNoteLength), attempts, failedAtMs, nowMs, seq)
      remove.run(seq)
    },
    remove: (seq) => {
      remove.run(seq)
    },
    promote: (nowMs, limit) => Number(promote.run(nowMs, limit).changes),
    nextDueMs: () => numberOrNull(nextDue.get()?.['due_at']) ?? Infinity,
    shortenDelays: (nowMs) => {
      shorten.run({ now: nowMs })
    },
  }
}
