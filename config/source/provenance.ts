import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml'
import type { SourceLocation } from '../diagnostics/diagnostic.ts'
import type { SourceFile } from './source-file.ts'
import { type Container, isContainer, isMapping } from './value.ts'

/** Where one key of a map, or one item of a list, was written. */
export interface Entry {
  readonly file: SourceFile
  /** Undefined for list items. */
  readonly key: Node | undefined
  readonly value: Node | undefined
}

/** A scalar that held `${...}`: what stands in the file, and what it became. */
export interface Interpolated {
  readonly written: string
  readonly text: string
  readonly secrets: readonly PlacedSecret[]
  /** Whether `text` holds what looks like a reference to a secret and is none. */
  readonly looksSecret: boolean
}

/** A reference to a secret, and where it was written. */
export interface PlacedSecret {
  readonly name: string
  readonly field: string
  readonly location: SourceLocation
}

interface Origin {
  readonly file: SourceFile
  readonly node: YAMLMap | YAMLSeq
  /** Set where entries come from several places, or once they were asked for. */
  entries: Map<string, Entry> | undefined
}

/** Remembers for every map and list which node it was built from; looks positions up on demand. */
export class Provenance {
  readonly #origins = new Map<Container, Origin>()
  readonly #interpolated = new Map<Container, Map<string, Interpolated>>()
  readonly #broken = new Map<Container, Set<string>>()
  #secrets = false
  readonly #shared = new Map<Container, ReadonlyMap<string, string>>()
  readonly #shortForms = new Map<Container, { readonly key: string; readonly entry: Entry }>()

  record(container: Container, file: SourceFile, node: YAMLMap | YAMLSeq): void {
    this.#origins.set(container, { file, node, entries: undefined })
  }

  /** `copy` stands at another place of the configuration but was written where `original` was. */
  recordCopy(copy: Container, original: Container): void {
    const origin = this.#origins.get(original)
    if (origin !== undefined) this.#origins.set(copy, { ...origin, entries: origin.entries && new Map(origin.entries) })
    const interpolated = this.#interpolated.get(original)
    if (interpolated !== undefined) this.#interpolated.set(copy, new Map(interpolated))
    const broken = this.#broken.get(original)
    if (broken !== undefined) this.#broken.set(copy, new Set(broken))
  }

  recordInterpolated(container: Container, key: string, interpolated: Interpolated): void {
    if (interpolated.secrets.length > 0 || interpolated.looksSecret) this.#secrets = true
    const known = this.#interpolated.get(container)
    if (known === undefined) this.#interpolated.set(container, new Map([[key, interpolated]]))
    else known.set(key, interpolated)
  }

  /** `key` of `target` was written where `key` of `source` was; without a source it is gone. */
  adopt(target: Container, key: string, source: Container | undefined): void {
    const entries = this.#entriesOf(target)
    const entry = source && this.entry(source, key)
    if (entry === undefined) entries?.delete(key)
    else entries?.set(key, entry)
    const interpolated = source && this.interpolated(source, key)
    if (interpolated === undefined) this.#interpolated.get(target)?.delete(key)
    else this.recordInterpolated(target, key, interpolated)
    if (source && this.isBroken(source, key)) this.recordBroken(target, key)
    else this.#broken.get(target)?.delete(key)
  }

  /** `key` was replaced by something that no file says. */
  forget(container: Container, key: string): void {
    this.adopt(container, key, undefined)
  }

  /** `key` of `target` holds what was written as the whole value of `sourceKey` in `source`. */
  recordShortForm(target: Container, key: string, source: Container, sourceKey: string): void {
    const entry = this.entry(source, sourceKey)
    if (entry !== undefined) this.#shortForms.set(target, { key, entry })
    const interpolated = this.interpolated(source, sourceKey)
    if (interpolated !== undefined) this.recordInterpolated(target, key, interpolated)
    if (this.isBroken(source, sourceKey)) this.recordBroken(target, key)
  }

  /** `key` was read out of what was written as `sourceKey` of the same map, which stays. */
  recordBeside(container: Container, key: string, sourceKey: string): void {
    this.#shared.set(container, new Map([...(this.#shared.get(container) ?? []), [key, sourceKey]]))
    const interpolated = this.interpolated(container, sourceKey)
    if (interpolated !== undefined) this.recordInterpolated(container, key, interpolated)
  }

  /** Whether any text refers to a secret, or looks as if it did. */
  get hasSecrets(): boolean {
    return this.#secrets
  }

  /** The value could not be made out and was reported; nothing more is to be said about it. */
  recordBroken(container: Container, key: string): void {
    const keys = this.#broken.get(container)
    if (keys === undefined) this.#broken.set(container, new Set([key]))
    else keys.add(key)
  }

  isBroken(container: Container, key: string): boolean {
    return this.#broken.get(container)?.has(key) ?? false
  }

  /** Whether anything in `value` could not be made out. */
  hasBroken(value: unknown): boolean {
    if (this.#broken.size === 0 || !isContainer(value)) return false
    return this.#broken.has(value) || Object.values(value).some((item) => this.hasBroken(item))
  }

  entry(container: Container, key: string): Entry | undefined {
    const short = this.#shortForms.get(container)
    if (short !== undefined) return short.key === key ? short.entry : undefined
    const shared = this.#shared.get(container)?.get(key)
    if (shared !== undefined) return this.entry(container, shared)
    const origin = this.#origins.get(container)
    if (origin === undefined) return undefined
    if (origin.entries === undefined && isSeq(origin.node))
      return { file: origin.file, key: undefined, value: nodeOf(origin.node.items[Number(key)]) }
    return this.#entriesOf(container)?.get(key)
  }

  interpolated(container: Container, key: string): Interpolated | undefined {
    return this.#interpolated.get(container)?.get(key)
  }

  /** Where the map or list itself was written. */
  node(container: Container): { readonly file: SourceFile; readonly node: YAMLMap | YAMLSeq } | undefined {
    return this.#origins.get(container)
  }

  #entriesOf(container: Container): Map<string, Entry> | undefined {
    const origin = this.#origins.get(container)
    if (origin === undefined) return undefined
    origin.entries ??= isMap(origin.node) ? pairEntries(origin.file, origin.node) : new Map()
    return origin.entries
  }
}

const pairEntries = (file: SourceFile, node: YAMLMap): Map<string, Entry> => {
  const entries = new Map<string, Entry>()
  for (const pair of node.items as Pair<Node, Node | null>[])
    entries.set(keyText(pair.key) ?? '', { file, key: pair.key, value: pair.value ?? undefined })
  return entries
}

const nodeOf = (item: unknown): Node | undefined => (isScalar(item) || isMap(item) || isSeq(item) || isAlias(item) ? item : undefined)

/** The name that a key stands for: what was written, so that `on`, `1` and `3.10` stay as they are. Undefined for keys that are no names. */
export const keyText = (key: unknown): string | undefined => {
  if (!isScalar(key)) return undefined
  if (typeof key.value === 'string') return key.value
  return key.value === null ? undefined : key.source
}

/** Walks a JSON Pointer's steps as far as they lead. */
export const valueAt = (root: unknown, steps: readonly string[]): unknown => {
  let at = root
  for (const step of steps) at = childOf(at, step)
  return at
}

const childOf = (parent: unknown, step: string): unknown => {
  if (Array.isArray(parent)) return parent[Number(step)] as unknown
  return isMapping(parent) && Object.hasOwn(parent, step) ? parent[step] : undefined
}

/** Range of a node in its file; for a collection only as far as its first line matters to a reader. */
export const locateNode = (file: SourceFile, node: Node | undefined): SourceLocation | undefined => {
  const range = node?.range
  return range ? file.locate(range[0], range[1]) : undefined
}
