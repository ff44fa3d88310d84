import type { Provenance } from '../source/provenance.ts'
import { isMapping, type Mapping } from '../source/value.ts'

/** Writes `health_check: /health` out as `health_check: { path: /health }`; the text keeps its place in the file. */
export const expandShortForms = (root: Mapping, provenance: Provenance): void => {
  const services = root['services']
  if (!isMapping(services)) return
  for (const service of Object.values(services)) {
    if (!isMapping(service) || typeof service['health_check'] !== 'string') continue
    const long: Mapping = { path: service['health_check'] }
    provenance.recordShortForm(long, 'path', service, 'health_check')
    service['health_check'] = long
  }
}
