import type { SourceLocation } from './diagnostics/diagnostic.ts'
import type { Tree } from './source/tree.ts'
import { below, isSecretPlace, type Place, type SecretPlaces } from './source/secret-places.ts'
import { secretTexts, shownScalar } from './source/secrets.ts'
import { isContainer, isMapping, type Mapping, pointerSteps } from './source/value.ts'

/** The configuration as it counts: layers merged, defaults filled in, units as written. */
export interface EffectiveConfig {
  /** References such as `${env:NAME}` stand as they were written, and secrets as `***`, so that none is printed. */
  readonly value: unknown
  /** @param pointer JSON Pointer, such as `/routing_rules/0/timeout`. @returns Undefined where there is no such value. */
  originOf(pointer: string): SourceLocation | 'default' | 'command line' | undefined
}

/** @param places Which values are secret. */
export const effectiveConfig = (tree: Tree, places: SecretPlaces): EffectiveConfig => {
  let value: unknown
  return {
    get value(): unknown {
      value ??= shownValue({ tree, places, secrets: secretTexts(tree.root, places) }, tree.root, undefined)
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

interface Shown {
  readonly tree: Tree
  readonly places: SecretPlaces
  readonly secrets: ReadonlySet<unknown>
}

const shownValue = (context: Shown, value: unknown, at: Place | undefined): unknown => {
  if (!isContainer(value)) return value
  const { tree, places, secrets } = context
  // A short form such as `health_check: /health` was written as a text and has become a map: what was written is one of its entries.
  const shown = (item: unknown, key: string): unknown => {
    const place = below(at, key)
    if (isContainer(item)) return shownValue(context, item, place)
    return shownScalar(isSecretPlace(places, place), item, tree.provenance.interpolated(value, key)?.written, secrets)
  }
  if (!isMapping(value)) return value.map((item, index) => shown(item, String(index)))
  const copy: Mapping = {}
  for (const [key, item] of Object.entries(value)) copy[key] = shown(item, key)
  return copy
}
