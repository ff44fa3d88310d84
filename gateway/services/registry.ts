import { isDeepStrictEqual } from 'node:util'
import type { ServiceConfig } from '../../config/model.ts'
import { logicalService } from './logical-service.ts'
import type { Service, ServiceDeps } from './service.ts'

export type { ServiceDeps } from './service.ts'

export interface ServiceSet {
  readonly services: ReadonlyMap<string, Service>
  /** Made for this generation; close them when the generation is not taken into use after all. */
  readonly added: readonly Service[]
  /** In use by the previous generation only; close them once that one has drained. */
  readonly dropped: readonly Service[]
}

/**
 * Builds the services of a new generation and starts their probes and look-ups. A service whose settings equal those
 * of the previous generation is the same object: its pools, health and counters live on.
 * @throws Error when TLS material of a service cannot be used; nothing is left running then.
 */
export const buildServices = (configs: readonly ServiceConfig[], previous: ReadonlyMap<string, Service>, deps: ServiceDeps): ServiceSet => {
  const services = new Map<string, Service>()
  const added: Service[] = []
  try {
    for (const config of configs) {
      const known = previous.get(config.name)
      const same = known !== undefined && isDeepStrictEqual(known.config, config)
      const service = same ? known : logicalService(config, deps)
      if (!same) added.push(service)
      services.set(config.name, service)
    }
  } catch (error) {
    for (const service of added) void service.close()
    throw error
  }
  const dropped = [...previous.values()].filter((service) => services.get(service.name) !== service)
  return { services, added, dropped }
}
