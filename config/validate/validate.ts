import type { ErrorObject } from 'ajv'
import type { Findings } from '../diagnostics/findings.ts'
import { isContainer, pointerSteps } from '../source/value.ts'
import type { Tree } from '../source/tree.ts'
import { meantKeys, reportSchemaError } from './schema-findings.ts'
import { expandShortForms } from './short-forms.ts'
import { schemaErrors } from './validator.ts'

/** Checks the tree against the schema, fills in defaults and reports everything that does not fit. */
export const validate = (tree: Tree, findings: Findings): void => {
  expandShortForms(tree.root, tree.provenance)
  let errors = schemaErrors(tree.root)
  if (errors.some((error) => takeTextInstead(tree, error))) {
    expandShortForms(tree.root, tree.provenance)
    errors = schemaErrors(tree.root)
  }
  const meant = meantKeys(errors)
  for (const error of errors) reportSchemaError(error, tree, findings, meant)
}

/** A reference to the environment was read as a number or truth value, and a text is wanted: then its text is meant. */
const takeTextInstead = (tree: Tree, error: ErrorObject): boolean => {
  if (error.keyword !== 'type') return false
  const steps = pointerSteps(error.instancePath)
  const last = steps.at(-1)
  const parent = tree.value(steps.slice(0, -1))
  if (last === undefined || !isContainer(parent)) return false
  const interpolated = tree.provenance.interpolated(parent, last)
  const value = tree.value(steps)
  const takesText = error.params['type'] === 'string' || last === 'health_check'
  if (interpolated === undefined || !takesText || typeof value === 'string') return false
  if (Array.isArray(parent)) parent[Number(last)] = interpolated.text
  else parent[last] = interpolated.text
  return true
}
