import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml'
import type { Findings } from '../diagnostics/findings.ts'
import { boundedNearest } from '../diagnostics/nearest.ts'
import { quoted } from '../values/parsed.ts'
import { coreScalar } from './core-scalar.ts'
import { type Environment, interpolate, type InterpolationProblem } from './interpolation.ts'
import { type Interpolated, keyText, locateNode, type Provenance } from './provenance.ts'
import type { SourceFile } from './source-file.ts'
import { type Container, isContainer, isMapping, type Mapping } from './value.ts'

/** What all aliases of one file may add to what is written in it. */
const maxAliasedNodes = 100_000

/** Tags that say what YAML would find out anyway. */
const coreTags = new Set(['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`)).add('!')

interface Anchor {
  /** Undefined while the anchored node itself is being built: an alias to it would have no end. */
  value: unknown
  done: boolean
  size: number
  interpolated: Interpolated | undefined
}

export interface ConvertDeps {
  readonly env: Environment
  readonly findings: Findings
  readonly provenance: Provenance
}

/** Nodes to plain values: aliases copied within a budget, `<<` merged, environment references replaced. Each node is visited once. Undefined when the budget does not last. */
export const convert = (file: SourceFile, top: YAMLMap, deps: ConvertDeps): Mapping | undefined => {
  const conversion = new Conversion(file, deps)
  const result = conversion.map(top)
  return conversion.exploded ? undefined : result
}

class Conversion {
  readonly #file: SourceFile
  readonly #deps: ConvertDeps
  readonly #anchors = new Map<string, Anchor>()
  readonly #suggest = boundedNearest()
  #nodes = 0
  #aliased = 0

  constructor(file: SourceFile, deps: ConvertDeps) {
    this.#file = file
    this.#deps = deps
  }

  /** Whether aliases stand for more than any configuration needs. */
  get exploded(): boolean {
    return this.#aliased > maxAliasedNodes
  }

  map(node: YAMLMap): Mapping {
    const result: Mapping = {}
    this.#deps.provenance.record(result, this.#file, node)
    const first = new Map<string, Node>()
    const merges: unknown[] = []
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const name = this.#keyName(pair.key, first)
      if (name === undefined) continue
      if (name === '<<') merges.push(...this.#mergeSources(pair))
      else result[name] = this.#node(pair.value, result, name)
    }
    for (const source of merges) this.#mergeInto(result, source, first)
    return result
  }

  #keyName(key: Node, first: Map<string, Node>): string | undefined {
    const { findings } = this.#deps
    const name = keyText(key)
    const at = locateNode(this.#file, key) ?? this.#file.locate(0, 0)
    if (name === undefined || name === '__proto__') {
      // Without quotes, YAML takes `{{ input.email }}` for a map whose key is a map.
      const hint = isMap(key) ? 'Put quotes around an expression: `"{{ ... }}"`.' : undefined
      findings.report('HG1013', at, name === undefined ? 'This key is not a name.' : '`__proto__` cannot be used as a name.', { hint })
      return undefined
    }
    const before = first.get(name)
    if (before === undefined) {
      first.set(name, key)
      return name
    }
    const related = locateNode(this.#file, before)
    findings.report('HG1002', at, `The key ${quoted(name)} stands in this map twice.`, {
      related: related ? [{ message: 'first here', location: related }] : [],
    })
    return undefined
  }

  #node(node: Node | null, parent: Container, key: string): unknown {
    this.#nodes += 1
    if (isAlias(node)) return this.#alias(node, parent, key)
    const name = node && 'anchor' in node ? node.anchor : undefined
    if (name === undefined) return this.#content(node, parent, key)
    const anchor: Anchor = { value: undefined, done: false, size: 0, interpolated: undefined }
    const before = this.#nodes + this.#aliased
    this.#anchors.set(name, anchor)
    anchor.value = this.#content(node, parent, key)
    anchor.size = this.#nodes + this.#aliased - before + 1
    anchor.interpolated = this.#deps.provenance.interpolated(parent, key)
    anchor.done = true
    return anchor.value
  }

  #content(node: Exclude<Node, Alias> | null, parent: Container, key: string): unknown {
    if (node?.tag !== undefined && !coreTags.has(node.tag)) return this.#unknownTag(node, parent, key)
    if (isScalar(node)) return this.#scalar(node, parent, key)
    if (isMap(node)) return this.map(node)
    return isSeq(node) ? this.#list(node) : null
  }

  #unknownTag(node: Exclude<Node, Alias>, parent: Container, key: string): null {
    this.#deps.provenance.recordBroken(parent, key)
    const at = locateNode(this.#file, node) ?? this.#file.locate(0, 0)
    this.#deps.findings.report('HG1011', at, `The tag ${quoted(String(node.tag).replace('tag:yaml.org,2002:', '!!'))} has no meaning here.`, {
      hint: 'Remove it.',
    })
    return null
  }

  #list(node: YAMLSeq): unknown[] {
    const result: unknown[] = []
    this.#deps.provenance.record(result, this.#file, node)
    node.items.forEach((item, index) => result.push(this.#node(item as Node | null, result, String(index))))
    return result
  }

  #scalar(node: Scalar, parent: Container, key: string): unknown {
    const { value } = node
    if (typeof value !== 'string') return typeof value === 'bigint' ? Number(value) : value
    if (!value.includes('${')) return value
    const { text, problems, secrets, looksSecret } = interpolate(value, this.#deps.env)
    for (const problem of problems) this.#report(problem, node, value)
    if (problems.length > 0) this.#deps.provenance.recordBroken(parent, key)
    const plain = node.type === 'PLAIN' && text !== value.replaceAll('$${', '${')
    const placed = secrets.map((secret) => ({ name: secret.name, field: secret.field, location: this.#within(node, value, secret) }))
    this.#deps.provenance.recordInterpolated(parent, key, { written: value, text, secrets: placed, looksSecret })
    return plain && problems.length === 0 ? coreScalar(text) : text
  }

  #report(problem: InterpolationProblem, node: Scalar, value: string): void {
    const location = this.#within(node, value, problem)
    const { env, findings } = this.#deps
    if (problem.kind === 'missing') {
      const guess = this.#suggest(problem.name, Object.keys(env))
      const hint = guess === undefined ? `Set it, or give a default: \`\${env:${problem.name}:-value}\`.` : `Did you mean \`${guess}\`?`
      findings.report('HG1018', location, `The environment variable \`${problem.name}\` is not set.`, { hint })
    } else {
      findings.report('HG1017', location, `${quoted(problem.reference)} is not a reference.`, {
        hint: problem.reference.startsWith('${secret:')
          ? 'Write `${secret:NAME#FIELD}`, with the name of an entry of `secrets`.'
          : 'Write `${env:NAME}`, `${env:NAME:-default}` or `${secret:NAME#FIELD}`; `$${` stands for a literal `${`.',
      })
    }
  }

  /** Exact where the text stands in the file as it was read; the whole scalar where escapes or folding moved it. */
  #within(node: Scalar, value: string, { start, end }: { start: number; end: number }): ReturnType<SourceFile['locate']> {
    const [from, to] = node.range ?? [0, 0, 0]
    const written = this.#file.text.slice(from, to)
    const at = written.indexOf(value)
    return at === -1 ? this.#file.locate(from, to) : this.#file.locate(from + at + start, from + at + end)
  }

  #alias(node: Alias, parent: Container, key: string): unknown {
    const value = this.#resolved(node, parent, key)
    if (value === undefined) this.#deps.provenance.recordBroken(parent, key)
    return value ?? null
  }

  #resolved(node: Alias, parent: Container, key: string): unknown {
    const { findings, provenance } = this.#deps
    const at = locateNode(this.#file, node) ?? this.#file.locate(0, 0)
    const anchor = this.#anchors.get(node.source)
    if (anchor === undefined) {
      const guess = this.#suggest(node.source, this.#anchors.keys())
      findings.report('HG1010', at, `There is no anchor \`&${node.source}\` before this alias.`, { hint: guess && `Did you mean \`*${guess}\`?` })
      return undefined
    }
    if (!anchor.done) {
      findings.report('HG1010', at, `The alias \`*${node.source}\` stands inside what it refers to.`)
      return undefined
    }
    if (anchor.interpolated !== undefined) provenance.recordInterpolated(parent, key, anchor.interpolated)
    this.#aliased += anchor.size
    if (!this.exploded) return this.#copy(anchor.value)
    if (this.#aliased - anchor.size > maxAliasedNodes) return undefined
    findings.report('HG1009', at, `The aliases up to here expand to more than ${maxAliasedNodes} values.`)
    return undefined
  }

  /** Every use gets its own copy: defaults that are filled in at one place must not appear at another. */
  #copy(value: unknown): unknown {
    if (!isContainer(value)) return value
    const copy: Container = Array.isArray(value) ? value.map((item) => this.#copy(item)) : {}
    if (isMapping(copy)) for (const [key, item] of Object.entries(value)) copy[key] = this.#copy(item)
    this.#deps.provenance.recordCopy(copy, value)
    return copy
  }

  #mergeSources(pair: Pair<Node, Node | null>): unknown[] {
    const source = this.#node(pair.value, {}, '<<')
    const sources: unknown[] = Array.isArray(source) ? source : [source]
    if (sources.every(isMapping)) return sources
    if (isAlias(pair.value) && source === null) return []
    const at = locateNode(this.#file, pair.value ?? pair.key) ?? this.#file.locate(0, 0)
    this.#deps.findings.report('HG1016', at, '`<<` merges maps, and this is none.', { hint: 'Write `<<: *anchor` or `<<: [*one, *other]`.' })
    return []
  }

  /** Keys that are written out win over merged ones, earlier sources over later ones. */
  #mergeInto(target: Mapping, source: unknown, written: ReadonlyMap<string, Node>): void {
    if (!isMapping(source)) return
    for (const [key, value] of Object.entries(source)) {
      if (written.has(key) || Object.hasOwn(target, key)) continue
      target[key] = value
      this.#deps.provenance.adopt(target, key, source)
    }
  }
}
