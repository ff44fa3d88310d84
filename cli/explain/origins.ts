import type { EffectiveConfig, LoadResult } from '../../config/load.ts'

type Origin = ReturnType<EffectiveConfig['originOf']>

/** Where a value comes from, as a person reads it: `gateway.yaml:5:7`, `default` or `command line`. */
export const originText = (origin: Origin): string => {
  if (origin === undefined) return 'default'
  return typeof origin === 'string' ? origin : `${origin.file}:${origin.line}:${origin.column}`
}

/** Keys of a service that an entry of `health_checks.internal_services` may set as well, with the key it has there. */
const probeKeys = new Map([
  ['health_check.path', 'endpoint'],
  ['health_check.interval', 'interval'],
  ['health_check.timeout', 'timeout'],
])

/**
 * Pointer of the setting of a service that is in force: what an entry of `health_checks.internal_services` says wins over
 * the service's own `health_check`, as it does when the configuration is resolved.
 */
export const servicePointer = ({ effective }: LoadResult, service: string, name: string, pointer: string): string => {
  const key = probeKeys.get(name)
  const index = key === undefined ? -1 : probeEntry(effective?.value, service)
  if (key === undefined || index === -1) return pointer
  const inEntry = `/health_checks/internal_services/${index}/${key}`
  return typeof effective?.originOf(inEntry) === 'object' ? inEntry : pointer
}

const probeEntry = (config: unknown, service: string): number => {
  const entries = member(member(config, 'health_checks'), 'internal_services')
  return Array.isArray(entries) ? entries.findIndex((entry: unknown) => member(entry, 'service') === service) : -1
}

const member = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Object.entries(value).find(([name]) => name === key)?.[1] : undefined
