import { age } from '../../../config/values/duration.ts'
import type { DeadLetterFilter } from '../../messaging/dead-letter.ts'
import { deadLetterReasons } from '../../messaging/settlement.ts'
import type { DeadLetterReason } from '../../messaging/settlement.ts'
import { didYouMean } from '../did-you-mean.ts'

/** Which dead letters are meant, as a person writes it on the command line or in a query. */
export interface Selection {
  readonly ids?: readonly string[]
  readonly reason?: string
  readonly error?: string
  /** An age (`1h`) or a point in time (ISO 8601); bounds of the parking time, `until` exclusive. */
  readonly since?: string
  readonly until?: string
  /** That the whole queue is meant; replaying and dropping want it said. */
  readonly all?: boolean
}

export type Selected = { readonly ok: true; readonly filter: DeadLetterFilter } | { readonly ok: false; readonly message: string }

type Read<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly message: string }

const refused = (message: string): { readonly ok: false; readonly message: string } => ({ ok: false, message })

/** @param nowMs Milliseconds since the epoch; ages count back from here. */
export const selected = (selection: Selection, nowMs: number): Selected => {
  const reason = optional(selection.reason, readReason)
  if (!reason.ok) return reason
  const from = optional(selection.since, (text) => readTime('since', text, nowMs))
  if (!from.ok) return from
  const before = optional(selection.until, (text) => readTime('until', text, nowMs))
  if (!before.ok) return before
  if (from.value !== undefined && before.value !== undefined && from.value >= before.value)
    return refused(`Nothing lies between since \`${selection.since}\` and until \`${selection.until}\`: the first must be the earlier time.`)
  if (selection.ids?.includes('') === true) return refused('An id is empty.')
  if (selection.error === '') return refused('The error type is empty. It looks like `status_503` or `upstream_timeout`.')
  const filter: DeadLetterFilter = {
    ...(selection.ids === undefined || selection.ids.length === 0 ? {} : { ids: [...new Set(selection.ids)] }),
    ...(reason.value === undefined ? {} : { reason: reason.value }),
    ...(selection.error === undefined ? {} : { errorType: selection.error }),
    ...(from.value === undefined ? {} : { parkedFromMs: from.value }),
    ...(before.value === undefined ? {} : { parkedBeforeMs: before.value }),
  }
  return { ok: true, filter }
}

/**
 * As {@link selected}, for what changes a queue: the whole of it must be asked for in so many words.
 * @param allWord How the caller writes that.
 */
export const selectedForChange = (selection: Selection, nowMs: number, allWord: string): Selected => {
  const found = selected(selection, nowMs)
  if (!found.ok) return found
  if (selection.all === true) return found.filter.ids === undefined ? found : refused(`Ids and ${allWord} contradict each other: give one of them.`)
  if (Object.keys(found.filter).length > 0) return found
  return refused(`Which ones? Give ids, a filter (reason, error, since, until), or ${allWord}.`)
}

const optional = <Value>(text: string | undefined, read: (text: string) => Read<Value>): Read<Value | undefined> =>
  text === undefined ? { ok: true, value: undefined } : read(text)

const isReason = (text: string): text is DeadLetterReason => deadLetterReasons.some((reason) => reason === text)

const readReason = (text: string): Read<DeadLetterReason> => {
  if (isReason(text)) return { ok: true, value: text }
  return refused(`\`${text}\` is no reason. Reasons are ${deadLetterReasons.join(', ')}.${didYouMean(text, deadLetterReasons)}`)
}

/** Date alone, or date and time with a zone. In a query the `+` of an offset arrives as a space. */
const isoTime = /^(?<date>\d{4}-\d\d-\d\d)(?:[Tt]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+ -]\d\d:\d\d))?$/

const readTime = (name: string, text: string, nowMs: number): Read<number> => {
  const back = age(text)
  if (back.ok && Number.isFinite(back.value)) return { ok: true, value: nowMs - back.value }
  const date = isoTime.exec(text)?.groups?.['date']
  // Without this a 31st of February would be taken for the 3rd of March.
  const exists = date !== undefined && isoText(Date.parse(`${date}T00:00:00Z`))?.startsWith(date) === true
  const ms = exists ? Date.parse(text.replace(' ', '+')) : Number.NaN
  if (!Number.isNaN(ms)) return { ok: true, value: ms }
  return refused(`\`${text}\` is no time for ${name}. Write an age such as \`1h\`, or a time with its zone such as \`2026-03-01T10:00:00Z\`.`)
}

/** ISO 8601; undefined for what no calendar holds, such as a clock value that a foreign publisher made up. */
export const isoText = (epochMs: number | undefined): string | undefined =>
  epochMs === undefined || Number.isNaN(new Date(epochMs).getTime()) ? undefined : new Date(epochMs).toISOString()
