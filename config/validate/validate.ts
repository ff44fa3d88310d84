import type { ErrorObject } from 'ajv'
import type { Findings } from '../diagnostics/findings.ts'
import { isContainer, pointerSteps } from '../source/value.ts'
import { coreScalar } from '../source/core-scalar.ts'
import type { Tree } from '../source/tree.ts'
import { meantKeys, reportSchemaError } from './schema-findings.ts'
import { expandShortForms } from './short-forms.ts'
import { schemaErrors } from './validator.ts'

/** Checks the tree against the schema, fills in defaults and reports everything that does not fit. */
export const validate = (tree: Tree, findings: Findings): void => {
  expandShortForms(tree.root, tree.provenance)
  let errors = schemaErrors(tree.root)
  if (errors.filter((error) => readAgain(tree, error)).length > 0) {
    expandShortForms(tree.root, tree.provenance)
    errors = schemaErrors(tree.root)
  }
  const meant = meantKeys(errors)
  for (const error of errors) reportSchemaError(error, tree, findings, meant)
}

/** Keys that take a text instead of a map or list. */
const shortForms: ReadonlySet<string> = new Set(['health_check', 'events', 'store', 'state', 'tell', 'when'])

const fits = (value: unknown, type: unknown, key: string): boolean =>
  type === 'integer' || type === 'number' ? typeof value === 'number' : typeof value === type || (typeof value === 'string' && shortForms.has(key))

/** What a reference to the environment became is of another kind than its key needs; it is read again as that kind, if it can be. */
export const readAgain = (tree: Tree, error: ErrorObject): boolean => {
  if (error.keyword !== 'type') return false
  const steps = pointerSteps(error.instancePath)
  const last = steps.at(-1)
  const parent = tree.value(steps.slice(0, -1))
  if (last === undefined || !isContainer(parent)) return false
  const interpolated = tree.provenance.interpolated(parent, last)
  const value = tree.value(steps)
  if (interpolated === undefined) return false
  const again = typeof value === 'string' ? coreScalar(interpolated.text) : interpolated.text
  if (!fits(again, error.params['type'], last)) return false
  if (Array.isArray(parent)) parent[Number(last)] = again
  else parent[last] = again
  return true
}
