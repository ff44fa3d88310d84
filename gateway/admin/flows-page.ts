import { didYouMean } from './did-you-mean.ts'

/** One page of a list, as a query asks for it. */
export type PageRequest<State extends string, Name extends string> =
  | {
      readonly ok: true
      readonly page: { readonly [name in Name]: string | undefined } & {
        readonly state: State | undefined
        readonly cursor: string | undefined
        readonly limit: number
      }
    }
  | { readonly ok: false; readonly message: string }

const defaultLimit = 50
/** The answer is built in memory. */
const mostLimit = 1000

/** What it does not know is refused, because a filter that is mistyped would match everything. */
export const pageRequest = <State extends string, Name extends string>(
  query: URLSearchParams,
  names: readonly Name[],
  states: readonly State[],
): PageRequest<State, Name> => {
  const known: readonly string[] = [...names, 'state', 'limit', 'cursor']
  for (const name of query.keys()) {
    if (!known.includes(name)) return refused(`\`${name}\` is not known here. Write ${known.join(', ')}.${didYouMean(name, known)}`)
    if (query.getAll(name).length > 1) return refused(`\`${name}\` is given more than once.`)
    if (query.get(name) === '') return refused(`\`${name}\` is empty.`)
  }
  const limit = query.get('limit')
  if (limit !== null && !(/^[0-9]{1,6}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= mostLimit))
    return refused(`\`limit\` must be a whole number from 1 to ${mostLimit}.`)
  const wanted = query.get('state')
  const state = states.find((one) => one === wanted)
  if (wanted !== null && state === undefined)
    return refused(`\`${wanted}\` is no state. States are ${states.join(', ')}.${didYouMean(wanted, states)}`)
  const named = Object.fromEntries(names.map((name) => [name, query.get(name) ?? undefined])) as { readonly [name in Name]: string | undefined }
  return { ok: true, page: { ...named, state, cursor: query.get('cursor') ?? undefined, limit: limit === null ? defaultLimit : Number(limit) } }
}

const refused = (message: string): { readonly ok: false; readonly message: string } => ({ ok: false, message })
