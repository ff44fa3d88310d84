import type { SourceLocation } from './diagnostics/diagnostic.ts'
import type { Tree } from './source/tree.ts'
import { secretTexts, shownScalar } from './source/secrets.ts'
import { isContainer, isMapping, type Mapping, pointerSteps } from './source/value.ts'

/** The configuration as it counts: layers merged, defaults filled in, units as written. */
export interface EffectiveConfig {
  /** References such as `${env:NAME}` stand as they were written, and secrets as `***`, so that none is printed. */
  readonly value: unknown
  /** @param pointer JSON Pointer, such as `/routing_rules/0/timeout`. @returns Undefined where there is no such value. */
  originOf(pointer: string): SourceLocation | 'default' | 'command line' | undefined
}

export const effectiveConfig = (tree: Tree): EffectiveConfig => {
  let value: unknown
  return {
    get value(): unknown {
      value ??= shownValue(tree, tree.root, secretTexts(tree.root))
      return value
    },
    originOf: (pointer) => {
      const steps = pointerSteps(pointer)
      if (tree.value(steps) === undefined) return undefined
      if (tree.isOverridden(steps)) return 'command line'
      return steps.length === 0 ? tree.keyLocation(steps) : (tree.originOf(steps) ?? 'default')
    },
  }
}

const shownValue = (tree: Tree, value: unknown, secrets: ReadonlySet<unknown>): unknown => {
  if (!isContainer(value)) return value
  // A short form such as `health_check: /health` was written as a text and has become a map: what was written is one of its entries.
  const shown = (item: unknown, key: string): unknown =>
    isContainer(item) ? shownValue(tree, item, secrets) : shownScalar(key, item, tree.provenance.interpolated(value, key)?.written, secrets)
  if (!isMapping(value)) return value.map((item, index) => shown(item, String(index)))
  const copy: Mapping = {}
  for (const [key, item] of Object.entries(value)) copy[key] = shown(item, key)
  return copy
}
