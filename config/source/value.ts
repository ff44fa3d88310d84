/** A map of the configuration. `__proto__` is refused as a key, so plain objects are safe. */
export interface Mapping {
  [key: string]: unknown
}

export type Container = Mapping | unknown[]

export const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value)

export const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null

/** Steps of a JSON Pointer (RFC 6901). */
export const pointerSteps = (pointer: string): string[] =>
  pointer === ''
    ? []
    : pointer
        .slice(1)
        .split('/')
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))

export const pointerOf = (steps: readonly (string | number)[]): string =>
  steps.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** A place as people write it: `routing_rules[0].circuit_breaker`. */
export const placeName = (steps: readonly (string | number)[]): string => {
  let name = ''
  for (const step of steps) {
    if (/^[0-9]+$/.test(String(step))) name += `[${step}]`
    else if (/^[\w.*-]+$/.test(String(step)) && !(String(step).includes('.') && name !== '')) name += name === '' ? String(step) : `.${step}`
    else name += `["${step}"]`
  }
  return name
}
