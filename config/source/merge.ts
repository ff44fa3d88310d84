import type { Provenance } from './provenance.ts'
import { isMapping, type Mapping } from './value.ts'

/** Lays `patch` over `base` by the rules of RFC 7396: maps merge deeply, `null` removes, everything else replaces. Changes `base`. */
export const mergeLayer = (base: Mapping, patch: Mapping, provenance: Provenance): Mapping => {
  for (const [key, value] of Object.entries(patch)) {
    const before = Object.hasOwn(base, key) ? base[key] : undefined
    if (value === null) {
      delete base[key]
      provenance.adopt(base, key, undefined)
    } else if (isMapping(value) && isMapping(before)) {
      mergeLayer(before, value, provenance)
    } else {
      base[key] = isMapping(value) ? mergeLayer(emptyLike(value, provenance), value, provenance) : value
      provenance.adopt(base, key, patch)
    }
  }
  return base
}

const emptyLike = (value: Mapping, provenance: Provenance): Mapping => {
  const empty: Mapping = {}
  provenance.recordCopy(empty, value)
  return empty
}
