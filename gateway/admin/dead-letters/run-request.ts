import { didYouMean } from '../did-you-mean.ts'
import { selectedForChange } from './selection.ts'
import type { Selected } from './selection.ts'

/** The body of a replay or a drop, understood. */
export type RunRequest = (Extract<Selected, { readonly ok: true }> & { readonly dryRun: boolean }) | { readonly ok: false; readonly message: string }

const texts = ['reason', 'error', 'since', 'until'] as const
const switches = ['all', 'dry_run'] as const
const keys: readonly string[] = ['ids', ...texts, ...switches]

/** @param body JSON: `{ "ids"?, "reason"?, "error"?, "since"?, "until"?, "all"?, "dry_run"? }`; empty stands for none of them. */
export const runRequest = (body: Buffer, nowMs: number): RunRequest => {
  const object = parsed(body)
  if (object === undefined) return { ok: false, message: 'The body must be one JSON object.' }
  const wrong = faultOf(object)
  if (wrong !== undefined) return { ok: false, message: wrong }
  const found = selectedForChange(object, nowMs, '`"all": true`')
  return found.ok ? { ...found, dryRun: object['dry_run'] === true } : found
}

const parsed = (body: Buffer): Readonly<Record<string, unknown>> | undefined => {
  if (body.length === 0) return {}
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What does not have the shape of a selection. */
const faultOf = (object: Readonly<Record<string, unknown>>): string | undefined => {
  const foreign = Object.keys(object).find((key) => !keys.includes(key))
  if (foreign !== undefined) return `\`${foreign.slice(0, 100)}\` is not known here. Write ${keys.join(', ')}.${didYouMean(foreign, keys)}`
  const { ids } = object
  if (ids !== undefined && !(Array.isArray(ids) && ids.length > 0 && ids.every((id) => typeof id === 'string')))
    return '`ids` must be a list of texts, with one at least.'
  for (const key of texts) if (object[key] !== undefined && typeof object[key] !== 'string') return `\`${key}\` must be a text.`
  for (const key of switches) if (object[key] !== undefined && typeof object[key] !== 'boolean') return `\`${key}\` must be true or false.`
  return undefined
}
