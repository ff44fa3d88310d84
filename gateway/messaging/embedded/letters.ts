import type { DatabaseSync } from 'node:sqlite'
import type { DeadLetter, DeadLetterFilter } from '../dead-letter.ts'
import { deadLetterReasons } from '../settlement.ts'
import { bytesOf, numberOrNull, text, textOrNull } from './messages.ts'
import type { Messages, Row } from './messages.ts'
import type { LetterPage, LetterPageRequest, LetterStep, LetterWithBody } from './operations.ts'
import type { Queues } from './queues.ts'

/** Letters on one page, and bytes of headers and bodies that one step moves: bounds what a call holds in memory and how long it holds the lock. */
const pageLength = 50
const stepLength = 200
const stepBytes = 8 * 1024 * 1024
/** Letters that one call looks at, matching or not. */
const windowLength = 2000

/** The dead letters of a file. Listing, replaying and dropping go in steps; others get their turn in between. */
export interface Letters {
  /** Number of the letter parked last; 0 if there is none. */
  newest(queue: string): number
  page(request: LetterPageRequest): LetterPage
  one(queue: string, id: string): LetterWithBody | undefined
  replay(request: LetterPageRequest, nowMs: number): LetterStep
  drop(request: LetterPageRequest): LetterStep
}

type Parameters = Record<string, string | number | null>

const columns = `seq, id, reason, error_type, error_message, attempts, deliveries, published_at, first_failed_at, parked_at, exchange,
  routing_key, content_type, key, bytes, headers`

const conditions = `queue = :queue AND seq > :after AND seq <= :upTo
  AND (:reason IS NULL OR reason = :reason) AND (:errorType IS NULL OR error_type = :errorType)
  AND (:parkedFrom IS NULL OR parked_at >= :parkedFrom) AND (:parkedBefore IS NULL OR parked_at < :parkedBefore)`

// Two forms, so that a search by ids uses the index on them.
const where = (filter: DeadLetterFilter): string =>
  filter.ids === undefined ? conditions : `${conditions} AND id IN (SELECT value FROM json_each(:ids))`

const finiteOrNull = (value: number | undefined): number | null => (value !== undefined && Number.isFinite(value) ? value : null)

const parametersOf = (queue: number, upTo: number, { filter, after }: LetterPageRequest): Parameters => ({
  queue,
  after,
  upTo,
  reason: filter.reason ?? null,
  errorType: filter.errorType ?? null,
  parkedFrom: finiteOrNull(filter.parkedFromMs),
  parkedBefore: finiteOrNull(filter.parkedBeforeMs),
  ...(filter.ids === undefined ? {} : { ids: JSON.stringify(filter.ids) }),
})

const letterOf = (queue: string, row: Row): DeadLetter => ({
  id: text(row['id']),
  queue,
  reason: deadLetterReasons.find((reason) => reason === row['reason']) ?? 'failed',
  lastError: { type: text(row['error_type']), message: text(row['error_message']) },
  attempts: Number(row['attempts']),
  deliveries: Number(row['deliveries']),
  publishedAtMs: Number(row['published_at']),
  firstFailedAtMs: numberOrNull(row['first_failed_at']) ?? undefined,
  parkedAtMs: Number(row['parked_at']),
  exchange: text(row['exchange']),
  routingKey: text(row['routing_key']),
  contentType: textOrNull(row['content_type']) ?? undefined,
  headers: JSON.parse(text(row['headers'])) as Record<string, string>,
  key: textOrNull(row['key']) ?? undefined,
  bodyBytes: Number(row['bytes']),
})

export function letters(database: DatabaseSync, queues: Queues, messages: Messages): Letters {
  const newest = database.prepare('SELECT max(seq) AS seq FROM dead_letters WHERE queue = ?')
  const windowEnd = database.prepare('SELECT seq FROM dead_letters WHERE queue = ? AND seq > ? ORDER BY seq LIMIT 1 OFFSET ?')
  const listed = database.prepare(`SELECT ${columns} FROM dead_letters WHERE seq = ?`)
  const one = database.prepare(`SELECT ${columns}, body FROM dead_letters WHERE queue = ? AND id = ? ORDER BY seq DESC LIMIT 1`)
  const full = database.prepare('SELECT * FROM dead_letters WHERE seq = ?')
  const remove = database.prepare('DELETE FROM dead_letters WHERE seq = ?')

  /** Numbers and sizes of matching letters, and where to go on. */
  const matching = (request: LetterPageRequest, limit: number): { queue: number; found: readonly Row[]; next: number | undefined } => {
    const queue = queues.idOf(request.queue)
    if (queue === undefined) return { queue: 0, found: [], next: undefined }
    const end = request.filter.ids === undefined ? numberOrNull(windowEnd.get(queue, request.after, windowLength)?.['seq']) : null
    const upTo = Math.min(end ?? request.upTo, request.upTo)
    const select = database.prepare(
      `SELECT seq, octet_length(headers) AS header_bytes, bytes AS body_bytes FROM dead_letters WHERE ${where(request.filter)} ORDER BY seq LIMIT :limit`,
    )
    const found = select.all({ ...parametersOf(queue, upTo, request), limit })
    const last = found.at(-1)
    if (last !== undefined && found.length === limit) return { queue, found, next: Number(last['seq']) }
    return { queue, found, next: upTo < request.upTo ? upTo : undefined }
  }
  /** As many of them as one step may read, at least one. */
  const step = (found: readonly Row[], withBodies: boolean): readonly number[] => {
    let bytes = 0
    const taken: number[] = []
    for (const row of found) {
      bytes += Number(row['header_bytes']) + (withBodies ? Number(row['body_bytes']) : 0)
      if (taken.length > 0 && bytes > stepBytes) break
      taken.push(Number(row['seq']))
    }
    return taken
  }
  const next = (found: readonly Row[], done: readonly number[], end: number | undefined): number | undefined =>
    done.length < found.length ? done.at(-1) : end

  return {
    newest: (name) => {
      const queue = queues.idOf(name)
      return queue === undefined ? 0 : (numberOrNull(newest.get(queue)?.['seq']) ?? 0)
    },
    page: (request) => {
      const { found, next: end } = matching(request, pageLength)
      const taken = step(found, false)
      return {
        letters: taken.map((seq) => listed.get(seq)).flatMap((row) => (row === undefined ? [] : [letterOf(request.queue, row)])),
        next: next(found, taken, end),
      }
    },
    one: (name, id) => {
      const queue = queues.idOf(name)
      const row = queue === undefined ? undefined : one.get(queue, id)
      return row === undefined ? undefined : { letter: letterOf(name, row), body: bytesOf(row['body']) }
    },
    replay: (request, nowMs) => {
      const { queue, found, next: end } = matching(request, stepLength)
      const settings = queues.named(request.queue)
      const taken: number[] = []
      for (const seq of step(found, true)) {
        const row = full.get(seq)
        if (row === undefined) continue
        const body = bytesOf(row['body'])
        if (settings !== undefined && !queues.hasRoom(settings, 1, body.length)) return { done: taken.length, next: undefined, full: true }
        const { id, contentType, key, publishedAtMs, exchange, routingKey } = letterOf(request.queue, row)
        messages.add(
          queue,
          { exchange: exchange ?? '', routingKey: routingKey ?? '' },
          { id, body, contentType: contentType ?? null, headers: text(row['headers']), key: key ?? null, publishedAtMs },
          nowMs,
        )
        remove.run(seq)
        taken.push(seq)
      }
      return { done: taken.length, next: next(found, taken, end), full: false }
    },
    drop: (request) => {
      const { found, next: end } = matching(request, stepLength)
      for (const row of found) remove.run(Number(row['seq']))
      return { done: found.length, next: end, full: false }
    },
  }
}
