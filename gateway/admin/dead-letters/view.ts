import type { DeadLetter } from '../../messaging/dead-letter.ts'
import type { DeadLetterSummary } from './summary.ts'
import { isoText } from './selection.ts'

/** A dead letter as JSON shows it, on the admin listener and on the command line: times in ISO 8601, what is unknown left out. */
export const deadLetterView = (letter: DeadLetter): object => ({
  id: letter.id,
  queue: letter.queue,
  reason: letter.reason,
  lastError: letter.lastError,
  attempts: letter.attempts,
  deliveries: letter.deliveries,
  publishedAt: isoText(letter.publishedAtMs),
  firstFailedAt: isoText(letter.firstFailedAtMs),
  parkedAt: isoText(letter.parkedAtMs),
  exchange: letter.exchange,
  routingKey: letter.routingKey,
  key: letter.key,
  contentType: letter.contentType,
  bodyBytes: letter.bodyBytes,
  headers: letter.headers,
})

export const summaryView = (summary: DeadLetterSummary): object => ({
  queue: summary.queue,
  count: summary.count,
  oldestParkedAt: isoText(summary.oldestParkedAtMs),
  newestParkedAt: isoText(summary.newestParkedAtMs),
  reasons: summary.reasons,
})

/** Bodies beyond it are cut in answers of the admin listener, which are built in memory; the command line shows them whole. */
const maxShownBytes = 8 * 1024 * 1024

export const shownBodyView = (body: Buffer): object => ({
  body: body.subarray(0, maxShownBytes).toString('base64'),
  ...(body.length > maxShownBytes ? { bodyTruncated: true } : {}),
})
