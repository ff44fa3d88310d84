import type { Provenance } from '../source/provenance.ts'
import { type Container, isMapping, type Mapping } from '../source/value.ts'

/** Language of texts that say none (RFC 5646: undetermined). */
const noLanguage = 'und'

/**
 * Writes short forms out, so that nobody else has to know them: `health_check: /health` becomes `health_check: { path: /health }`,
 * `events: all` a list, `store: store.db` a map with `path`, `integration: payment.refund` two keys, `when: timeout` a list of conditions.
 * The text keeps its place in the file.
 */
export const expandShortForms = (root: Mapping, provenance: Provenance): void => {
  const expand = (parent: Mapping, key: string, inner: string, long: (text: unknown) => Container): void => {
    if (typeof parent[key] === 'string') written(provenance, parent, key, inner, long(parent[key]))
  }
  for (const service of mappings(root['services'])) expand(service, 'health_check', 'path', (path) => ({ path }))
  const flows = mappings(root['flows'])
  const steps = flows.flatMap((flow) => mappings(flow['steps']))
  const compensations = steps.flatMap((step) => mappings([step['compensation']]))
  const consumers = mappings(root['consumers']).flatMap((consumer) => mappings([consumer['deliver_to']]))
  for (const target of [...mappings(root['routing_rules']), ...consumers]) expand(target, 'events', '0', (name) => [name])
  for (const target of [...mappings(root['routing_rules']), ...consumers, ...steps, ...compensations]) splitOperation(target, provenance)
  for (const messaging of mappings([root['messaging']])) expand(messaging, 'store', 'path', (path) => ({ type: 'embedded', path }))
  expand(root, 'state', 'path', (path) => ({ type: 'embedded', path }))
  for (const flow of flows) expand(flow, 'tell', noLanguage, (text) => ({ [noLanguage]: text }))
  for (const mode of mappings(root['integrations']).flatMap(failureModes)) {
    expand(mode, 'tell', noLanguage, (text) => ({ [noLanguage]: text }))
    if (typeof mode['when'] === 'string' || isMapping(mode['when'])) written(provenance, mode, 'when', '0', [mode['when']])
    if (Array.isArray(mode['when'])) expandConditions(mode['when'], provenance)
  }
}

const failureModes = (integration: Mapping): Mapping[] => [
  ...mappings(integration['failure_modes']),
  ...mappings(integration['operations']).flatMap((operation) => mappings(operation['failure_modes'])),
]

const expandConditions = (conditions: unknown[], provenance: Provenance): void => {
  conditions.forEach((condition, index) => {
    if (typeof condition === 'string') written(provenance, conditions, String(index), 'kind', { kind: condition })
  })
}

/** Puts `long` in the place of a value that it holds under `inner`. */
const written = (provenance: Provenance, parent: Container, key: string, inner: string, long: Container): void => {
  provenance.recordShortForm(long, inner, parent, key)
  if (Array.isArray(parent)) parent[Number(key)] = long
  else parent[key] = long
}

/** `integration: payment.refund`; names of integrations have no dot. */
const splitOperation = (target: Mapping, provenance: Provenance): void => {
  const { integration: text } = target
  if (typeof text !== 'string' || target['operation'] !== undefined) return
  const dot = text.indexOf('.')
  if (dot < 1 || dot === text.length - 1) return
  provenance.recordBeside(target, 'operation', 'integration')
  target['integration'] = text.slice(0, dot)
  target['operation'] = text.slice(dot + 1)
}

/** Those entries of a map or list that are maps. */
const mappings = (value: unknown): Mapping[] => (Array.isArray(value) ? value : isMapping(value) ? Object.values(value) : []).filter(isMapping)
