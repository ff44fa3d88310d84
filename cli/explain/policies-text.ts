import type { TextStream } from '../io.ts'
import { table } from '../render/table.ts'
import type { OriginatedPolicy } from './originated.ts'

/** A table that is never cut to the terminal: a key without its end or a place without its line explains nothing. */
export const whole = (headers: readonly string[], rows: readonly (readonly string[])[], { style }: TextStream): string =>
  table(headers, rows, { width: undefined, style, indent: '  ' })

export const policiesText = (title: string, policies: readonly OriginatedPolicy[], stream: TextStream): string => {
  if (policies.length === 0) return ''
  const rows = policies.map(({ name, value, origin }) => [name, value, origin])
  return `${stream.style('bold', title)}\n${whole(['key', 'value', 'from'], rows, stream)}`
}
