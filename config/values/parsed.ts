import { withoutCredentials } from './credentials.ts'

/** Outcome of reading one scalar: its meaning, or what is wrong and what to write instead. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | Problem

export interface Problem {
  readonly ok: false
  /** One sentence that names the text: `` `5sec` is not a duration. `` */
  readonly message: string
  /** What to write: ``Write `5s`.`` */
  readonly hint?: string
}

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value })

export const problem = (message: string, hint?: string): Problem => (hint === undefined ? { ok: false, message } : { ok: false, message, hint })

/** Text for a message: in backquotes, control characters made visible, credentials of URLs left out, long texts shortened. */
export const quoted = (text: string): string => {
  const visible = withoutCredentials(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  const points = Array.from(visible)
  return `\`${points.length > 60 ? `${points.slice(0, 57).join('')}...` : visible}\``
}
