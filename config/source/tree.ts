import type { SourceLocation } from '../diagnostics/diagnostic.ts'
import { locateNode, type Provenance, valueAt } from './provenance.ts'
import type { SourceFile } from './source-file.ts'
import { isContainer, type Mapping, pointerOf } from './value.ts'

export type Steps = readonly (string | number)[]

/** The merged configuration together with where each part of it was written. */
export class Tree {
  readonly root: Mapping
  readonly provenance: Provenance
  readonly #fallback: SourceFile
  readonly #overrides: ReadonlyMap<string, SourceLocation>

  /** @param fallback File to point at when a place was written nowhere. @param overrides Places set by the command line, by JSON Pointer. */
  constructor(root: Mapping, provenance: Provenance, fallback: SourceFile, overrides: ReadonlyMap<string, SourceLocation>) {
    this.root = root
    this.provenance = provenance
    this.#fallback = fallback
    this.#overrides = overrides
  }

  value(steps: Steps): unknown {
    return valueAt(this.root, steps.map(String))
  }

  /** Whether somebody wrote this key, as opposed to a default. */
  isWritten(steps: Steps): boolean {
    return this.originOf(steps) !== undefined
  }

  isOverridden(steps: Steps): boolean {
    return this.#overrides.has(pointerOf(steps))
  }

  /** Where the value was written; the key where the value is empty. Undefined for defaults. */
  originOf(steps: Steps): SourceLocation | undefined {
    const override = this.#overrides.get(pointerOf(steps))
    if (override !== undefined) return override
    const { parent, last } = this.#parent(steps)
    const entry = parent && this.provenance.entry(parent, last)
    if (entry === undefined) return undefined
    const range = entry.value?.range
    return range && range[1] > range[0]
      ? locateNode(entry.file, entry.value)
      : (locateNode(entry.file, entry.key) ?? locateNode(entry.file, entry.value))
  }

  /** The value at `steps`, or the nearest thing around it that was written. */
  valueLocation(steps: Steps): SourceLocation {
    return this.originOf(steps) ?? this.keyLocation(steps)
  }

  /** The key at `steps`; for a list item its first line. Where it was not written, the nearest thing around it. */
  keyLocation(steps: Steps): SourceLocation {
    for (let length = steps.length; length > 0; length -= 1) {
      const some = steps.slice(0, length)
      const override = this.#overrides.get(pointerOf(some))
      if (override !== undefined) return override
      const { parent, last } = this.#parent(some)
      const entry = parent && this.provenance.entry(parent, last)
      const found = entry && (locateNode(entry.file, entry.key) ?? this.#firstLine(some) ?? locateNode(entry.file, entry.value))
      if (found !== undefined) return found
    }
    return this.#fallback.locate(0, 1)
  }

  /** The first key of the map at `steps`, or its bracket. */
  #firstLine(steps: Steps): SourceLocation | undefined {
    const value = this.value(steps)
    if (!isContainer(value) || Array.isArray(value)) return undefined
    const node = this.provenance.node(value)
    if (node === undefined) return undefined
    const first = 'items' in node.node ? node.node.items[0] : undefined
    const key = first !== null && typeof first === 'object' && 'key' in first ? first.key : undefined
    const isFlow = node.node.flow === true
    const range = key !== null && typeof key === 'object' && 'range' in key ? (key.range as [number, number, number] | null | undefined) : undefined
    if (range && !isFlow) return node.file.locate(range[0], range[1])
    return locateNode(node.file, node.node)
  }

  /** What was written, for messages: references to the environment are never shown as what they became. */
  shown(steps: Steps): string | undefined {
    const { parent, last } = this.#parent(steps)
    return parent && this.provenance.interpolated(parent, last)?.written
  }

  /** Whether the value, or a part of it, is a secret that is not known yet. */
  refersToSecret(steps: Steps): boolean {
    const { parent, last } = this.#parent(steps)
    return parent !== undefined && (this.provenance.interpolated(parent, last)?.secrets.length ?? 0) > 0
  }

  /** Whether the value could not be made out, which was reported already. */
  isBroken(steps: Steps): boolean {
    const { parent, last } = this.#parent(steps)
    return parent !== undefined && this.provenance.isBroken(parent, last)
  }

  #parent(steps: Steps): { parent: ReturnType<typeof containerAt>; last: string } {
    return { parent: containerAt(this.root, steps.slice(0, -1)), last: String(steps.at(-1) ?? '') }
  }
}

const containerAt = (root: Mapping, steps: Steps): Mapping | unknown[] | undefined => {
  const value = valueAt(root, steps.map(String))
  return isContainer(value) ? value : undefined
}
