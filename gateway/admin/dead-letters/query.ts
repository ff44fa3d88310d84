import type { DeadLetterFilter } from '../../messaging/dead-letter.ts'
import { didYouMean } from '../did-you-mean.ts'
import { selected } from './selection.ts'

export type ListRequest =
  | { readonly ok: true; readonly filter: DeadLetterFilter; readonly limit: number }
  | { readonly ok: false; readonly message: string }

const known = ['reason', 'error', 'since', 'until', 'limit'] as const
const defaultLimit = 50
/** The answer is built in memory. */
const mostLimit = 1000

/** What a query asks for; what it does not know is refused, because a filter that is mistyped would match everything. */
export const queryOf = (query: URLSearchParams, nowMs: number): ListRequest => {
  for (const name of query.keys()) {
    if (!known.some((one) => one === name)) return refused(`\`${name}\` is not known here. Write ${known.join(', ')}.${didYouMean(name, known)}`)
    if (query.getAll(name).length > 1) return refused(`\`${name}\` is given more than once.`)
  }
  const limit = query.get('limit')
  if (limit !== null && !(/^[0-9]{1,6}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= mostLimit))
    return refused(`\`limit\` must be a whole number from 1 to ${mostLimit}.`)
  const found = selected(Object.fromEntries(query), nowMs)
  return found.ok ? { ...found, limit: limit === null ? defaultLimit : Number(limit) } : found
}

const refused = (message: string): ListRequest => ({ ok: false, message })
