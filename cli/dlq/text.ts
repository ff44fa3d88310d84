import type { DeadLetterSummary } from '../../gateway/admin/dead-letters/summary.ts'
import { isoText } from '../../gateway/admin/dead-letters/selection.ts'
import type { DeadLetter } from '../../gateway/messaging/dead-letter.ts'
import type { TextStream } from '../io.ts'
import { sizeText, timeUnits } from '../render/quantities.ts'
import { table } from '../render/table.ts'
import { clipped, textWidth, visible } from '../render/text-width.ts'

/** `3h ago`; the clock of another machine may be ahead of ours. */
export const agoText = (epochMs: number | undefined, nowMs: number): string => {
  if (isoText(epochMs) === undefined || epochMs === undefined) return 'unknown'
  const ms = nowMs - epochMs
  const found = timeUnits.find(([, size]) => ms >= size)
  return found === undefined ? 'just now' : `${Math.floor(ms / found[1])}${found[0]} ago`
}

export const summariesText = (summaries: readonly DeadLetterSummary[], nowMs: number, out: TextStream): string =>
  table(
    ['queue', 'dead letters', 'oldest', 'reasons'],
    summaries.map(({ queue, count, oldestParkedAtMs, reasons }) => [
      queue,
      count.toLocaleString('en'),
      count === 0 ? '' : agoText(oldestParkedAtMs, nowMs),
      Object.entries(reasons)
        .map(([reason, number]) => `${reason} ${number}`)
        .join(', '),
    ]),
    { width: out.columns, style: out.style },
  )

/** An error is cut down to this, not further; ids are never cut, because one must be able to copy them. */
const leastErrorWidth = 16

export const lettersText = (letters: readonly DeadLetter[], nowMs: number, out: TextStream): string => {
  const headers = ['id', 'reason', 'error', 'attempts', 'deliveries', 'parked']
  const rows = letters.map((letter) => [
    letter.id,
    letter.reason,
    errorText(letter),
    String(letter.attempts),
    String(letter.deliveries),
    agoText(letter.parkedAtMs, nowMs),
  ])
  const widest = (column: number): number => Math.max(...[headers, ...rows].map((row) => textWidth(visible(row[column] ?? ''))))
  const others = headers.reduce((sum, header, column) => (header === 'error' ? sum : sum + widest(column) + 2), 0)
  const errorWidth = Math.max(leastErrorWidth, (out.columns ?? Number.POSITIVE_INFINITY) - others)
  const cut = rows.map((row) => row.map((cell, column) => (headers[column] === 'error' ? clipped(visible(cell), errorWidth) : cell)))
  return table(headers, cut, { width: undefined, style: out.style })
}

export const letterText = (letter: DeadLetter, nowMs: number, out: TextStream): string => {
  const time = (epochMs: number | undefined): string => {
    const iso = isoText(epochMs)
    return iso === undefined ? '' : `${iso} (${agoText(epochMs, nowMs)})`
  }
  const facts: readonly (readonly [string, string])[] = [
    ['id', letter.id],
    ['queue', letter.queue],
    ['reason', letter.reason],
    ['last error', errorText(letter)],
    ['attempts', String(letter.attempts)],
    ['deliveries', String(letter.deliveries)],
    ['published', time(letter.publishedAtMs)],
    ['first failed', time(letter.firstFailedAtMs)],
    ['parked', time(letter.parkedAtMs)],
    ['exchange', letter.exchange ?? ''],
    ['routing key', letter.routingKey ?? ''],
    ['key', letter.key ?? ''],
    ['content type', letter.contentType ?? ''],
    ['body', sizeText(letter.bodyBytes)],
  ]
  const headers = Object.entries(letter.headers)
  return `${pairs(facts, out)}${headers.length === 0 ? '' : `\n${heading('headers', out)}${pairs(headers, out)}`}`
}

export const heading = (text: string, out: TextStream): string => `${out.style('bold', text)}\n`

/** Name and value on a line each; values that are empty are left out. */
const pairs = (entries: readonly (readonly [string, string])[], out: TextStream): string => {
  const shown = entries.filter(([, value]) => value !== '').map(([name, value]) => [visible(name), visible(value)] as const)
  const width = Math.min(32, Math.max(...shown.map(([name]) => textWidth(name))))
  return shown.map(([name, value]) => `${out.style('dim', name)}${' '.repeat(Math.max(0, width - textWidth(name)))}  ${value}\n`).join('')
}

const errorText = ({ lastError: { type, message } }: DeadLetter): string => (message === '' || message === type ? type : `${type}: ${message}`)
