import type { Json } from '../../gateway/plugin.ts'

/** What stands at the end of these steps; undefined where one of them is missing. */
export function at(value: Json | undefined, ...steps: readonly (string | number)[]): Json | undefined {
  let found: Json | undefined = value
  for (const step of steps) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined
    found = (found as { readonly [key: string | number]: Json })[step]
  }
  return found
}

/** The text there; undefined for anything else, and for an empty one. */
export function textAt(value: Json | undefined, ...steps: readonly (string | number)[]): string | undefined {
  const found = at(value, ...steps)
  return typeof found === 'string' && found !== '' ? found : undefined
}

export function integerAt(value: Json | undefined, ...steps: readonly (string | number)[]): number | undefined {
  const found = at(value, ...steps)
  return typeof found === 'number' && Number.isSafeInteger(found) ? found : undefined
}

/** The list there; an empty one where there is none. */
export function listAt(value: Json | undefined, ...steps: readonly (string | number)[]): readonly Json[] {
  const found = at(value, ...steps)
  return Array.isArray(found) ? (found as readonly Json[]) : []
}

/** The object without its members that have no value. */
export function present(members: Readonly<Record<string, Json | undefined>>): { readonly [key: string]: Json } {
  return Object.fromEntries(Object.entries(members).filter((member): member is [string, Json] => member[1] !== undefined))
}
