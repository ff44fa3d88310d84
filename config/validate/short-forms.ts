import type { Provenance } from '../source/provenance.ts'
import { isMapping, type Mapping } from '../source/value.ts'

/**
 * Writes `health_check: /health` out as `health_check: { path: /health }`, `events: all` as `events: [all]`, and `store: store.db` as a map
 * with `path`; the text keeps its place in the file.
 */
export const expandShortForms = (root: Mapping, provenance: Provenance): void => {
  for (const service of mappings(root['services'])) {
    if (typeof service['health_check'] !== 'string') continue
    const long: Mapping = { path: service['health_check'] }
    provenance.recordShortForm(long, 'path', service, 'health_check')
    service['health_check'] = long
  }
  const consumers = mappings(root['consumers']).flatMap((consumer) => mappings([consumer['deliver_to']]))
  for (const target of [...mappings(root['routing_rules']), ...consumers]) {
    if (typeof target['events'] !== 'string') continue
    const long = [target['events']]
    provenance.recordShortForm(long, '0', target, 'events')
    target['events'] = long
  }
  for (const messaging of mappings([root['messaging']])) {
    if (typeof messaging['store'] !== 'string') continue
    const long: Mapping = { type: 'embedded', path: messaging['store'] }
    provenance.recordShortForm(long, 'path', messaging, 'store')
    messaging['store'] = long
  }
}

/** Those entries of a map or list that are maps. */
const mappings = (value: unknown): Mapping[] => (Array.isArray(value) ? value : isMapping(value) ? Object.values(value) : []).filter(isMapping)
