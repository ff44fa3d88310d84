import { CommandError } from '../exit-codes.ts'
import { inputPaths, loaded } from '../inputs.ts'
import type { Io } from '../io.ts'
import { urlText } from '../render/address.ts'
import { findingsText } from '../render/findings.ts'
import { visible } from '../render/text-width.ts'

/** Where the gateway is asked, and how the answer is shown. */
export interface AdminOptions {
  readonly config?: readonly string[]
  readonly admin?: string
  readonly format: 'text' | 'json'
}

/** A running gateway, as its admin listener shows it. */
export interface AdminClient {
  /** @returns Undefined with its reason where there is none, or nothing can be done about it. @throws CommandError */
  ask(method: 'GET' | 'POST', path: string, body?: object): Promise<AdminAnswer>
}

export type AdminAnswer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string }

const timeoutMs = 30_000

/** @throws CommandError where the address is not known. */
export const adminClient = async (options: AdminOptions, io: Io): Promise<AdminClient> => {
  const base = options.admin === undefined ? await configured(options, io) : given(options.admin)
  return {
    ask: async (method, path, body) => {
      const answer = await reached(base, path, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'manual',
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      if (answer.status >= 200 && answer.status < 300) return { ok: true, value: answer.value }
      const why = detailOf(answer.value) ?? `The admin listener answered with status ${answer.status}.`
      if (answer.status === 404 || answer.status === 409) return { ok: false, why }
      throw new CommandError(why)
    },
  }
}

const reached = async (base: string, path: string, init: RequestInit): Promise<{ readonly status: number; readonly value: unknown }> => {
  try {
    const answer = await fetch(`${base}${path}`, init)
    return { status: answer.status, value: parsed(await answer.text()) }
  } catch (error) {
    throw new CommandError(`No gateway answers at ${base} (${reasonOf(error)}). Start it, or name the address of its admin listener with --admin.`)
  }
}

const reasonOf = (error: unknown): string => {
  const cause: unknown = error instanceof Error ? error.cause : undefined
  const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  if (typeof code === 'string') return code
  return error instanceof Error && error.name === 'TimeoutError' ? 'no answer in time' : 'the connection failed'
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const detailOf = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null && 'detail' in value && typeof value.detail === 'string' ? visible(value.detail) : undefined

const configured = async ({ config }: AdminOptions, io: Io): Promise<string> => {
  const result = await loaded(inputPaths(config, io), io)
  if (result.config !== undefined) return urlText(result.config.admin.address)
  io.err.write(await findingsText(result, io.err))
  throw new CommandError('The configuration has errors; name the address of the admin listener with --admin.')
}

const given = (text: string): string => {
  const match = /^(?<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(?<port>[0-9]{1,5})$/.exec(text)
  if (match === null || Number(match.groups?.['port']) > 65_535) throw new CommandError(`\`${visible(text)}\` is no address. Write HOST:PORT.`)
  return `http://${text}`
}

/** All entries of a list, a page at a time, until `limit`. @throws CommandError */
export const pages = async function* (
  client: AdminClient,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  name: string,
  limit: number,
): AsyncGenerator<object> {
  let left = limit
  let cursor: string | undefined = undefined
  do {
    const wanted = Object.entries({ ...query, cursor, limit: String(Math.min(left, mostAtOnce)) })
    const asked = new URLSearchParams(wanted.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
    const answer: AdminAnswer = await client.ask('GET', `${path}?${String(asked)}`)
    if (!answer.ok) throw new CommandError(answer.why)
    const entries: unknown = memberOf(answer.value, name)
    if (!Array.isArray(entries)) throw new CommandError('The admin listener answered with something else than a list.')
    for (const entry of entries) yield entry as object
    left -= entries.length
    const next: unknown = memberOf(answer.value, 'cursor')
    cursor = typeof next === 'string' && entries.length > 0 ? next : undefined
  } while (cursor !== undefined && left > 0)
}

const mostAtOnce = 500

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
