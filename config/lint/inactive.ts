import { inactivePaths } from '../../schemas/gateway.ts'
import type { LintContext } from './context.ts'
import { isMapping, placeName, pointerOf, pointerSteps } from '../source/value.ts'

/** Nothing that was written is ignored silently: one warning for each section that this version does not run. */
export const lintInactive = ({ tree, findings }: LintContext): void => {
  for (const path of inactivePaths) {
    const found = firstWritten(tree.root, pointerSteps(path))
    if (found === undefined) continue
    const what = path.includes('*') ? pointerSteps(path).at(-1) : placeName(found)
    findings.report('HG4001', tree.keyLocation(found), `\`${what}\` is not active in this version: it is checked, and has no effect yet.`, {
      pointer: pointerOf(found),
    })
  }
}

/** The first place that fits; `*` stands for any key. One warning is enough for all services. */
const firstWritten = (value: unknown, [step, ...rest]: readonly string[]): string[] | undefined => {
  if (step === undefined) return value === undefined ? undefined : []
  if (!isMapping(value)) return undefined
  for (const key of step === '*' ? Object.keys(value) : [step]) {
    const found = Object.hasOwn(value, key) ? firstWritten(value[key], rest) : undefined
    if (found !== undefined) return [key, ...found]
  }
  return undefined
}
