import type { JsonValue } from '../model.ts'
import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import { templateProblems } from '../templates/template.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'

/** Expressions of a template can be read, and use no other names than those at hand. @param source As written; undefined for none. */
export const lintTemplate = ({ tree, findings }: LintContext, at: Steps, source: unknown, variables: readonly string[]): void => {
  if (source === undefined || tree.isBroken(at) || tree.provenance.hasBroken(source)) return
  for (const { steps, message } of templateProblems(source as JsonValue, variables)) {
    const place = [...at, ...steps]
    const shown = tree.shown(place)
    // What came from the environment must not be quoted.
    const told = shown === undefined ? `${message.replace(/\.$/, '')}.` : `${quoted(shown)} does not hold a template that can be used.`
    findings.report('HG3046', tree.valueLocation(place), told, { pointer: pointerOf(place) })
  }
}

/** Names of steps that the expressions of a template look at, with the place of each. */
export const stepsInTemplate = (source: unknown, at: Steps): readonly { readonly name: string; readonly at: Steps }[] => {
  if (typeof source === 'string')
    return [...source.matchAll(/\{\{(.*?)\}\}/gs)].flatMap(([, expression = '']) => stepsInExpression(expression).map((name) => ({ name, at })))
  if (typeof source !== 'object' || source === null) return []
  return Object.entries(source).flatMap(([key, child]) => stepsInTemplate(child, [...at, key]))
}

/** `steps.NAME` and `steps["NAME"]`, outside of texts. */
export const stepsInExpression = (expression: string): readonly string[] =>
  [
    ...expression.matchAll(
      /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<![\w.])steps\s*(?:\.\s*\??\s*([A-Za-z_]\w*)|\[\s*\??\s*(?:"(\w+)"|'(\w+)')\s*\])/g,
    ),
  ].flatMap(([, field, double, single]) => field ?? double ?? single ?? [])
