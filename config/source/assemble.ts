import type { Findings } from '../diagnostics/findings.ts'
import type { SourceLocation } from '../diagnostics/diagnostic.ts'
import { quoted } from '../values/parsed.ts'
import { convert } from './convert.ts'
import type { Environment } from './interpolation.ts'
import { mergeLayer } from './merge.ts'
import { parseText } from './parse.ts'
import { locateNode, Provenance } from './provenance.ts'
import type { Layer } from './read.ts'
import { SourceFile } from './source-file.ts'
import { Tree } from './tree.ts'
import { isMapping, type Mapping } from './value.ts'

export interface Overrides {
  /** Replaces the address of the only listener. */
  readonly listen?: string
  /** Replaces the address of the admin listener. */
  readonly admin?: string
}

/** Layers of texts to one tree. Undefined when a file could not be made out; `findings` says why. */
export const assemble = (layers: readonly Layer[], env: Environment, overrides: Overrides, findings: Findings): Tree | undefined => {
  const provenance = new Provenance()
  let complete = true
  let root: Mapping | undefined
  for (const layer of layers) {
    let merged: Mapping | undefined
    for (const file of layer.files) {
      const top = parseText(file, findings)
      const map = top && convert(file, top, { env, findings, provenance })
      if (map === undefined) complete = false
      else merged = joined(merged, map, provenance, findings)
    }
    if (merged !== undefined) root = root === undefined ? merged : mergeLayer(root, merged, provenance)
  }
  const fallback = layers[0]?.files[0]
  if (root === undefined || fallback === undefined || !complete) return undefined
  return new Tree(root, provenance, fallback, applyOverrides(root, overrides, provenance, findings))
}

/** The files of a folder own their top-level keys. */
const joined = (base: Mapping | undefined, more: Mapping, provenance: Provenance, findings: Findings): Mapping => {
  if (base === undefined) return more
  for (const [key, value] of Object.entries(more)) {
    if (Object.hasOwn(base, key)) reportTwice(base, more, key, provenance, findings)
    else {
      base[key] = value
      provenance.adopt(base, key, more)
    }
  }
  return base
}

const reportTwice = (base: Mapping, more: Mapping, key: string, provenance: Provenance, findings: Findings): void => {
  const [first, second] = [base, more].map((map) => {
    const entry = provenance.entry(map, key)
    return entry && locateNode(entry.file, entry.key)
  })
  if (first === undefined || second === undefined) return
  findings.report('HG1015', second, `The section ${quoted(key)} stands in ${first.file} too; within one folder a section has one file.`, {
    related: [{ message: 'first here', location: first }],
  })
}

/** What the command line says, as a text of its own, so that problems in it can be shown like all others. */
export const commandLine = (overrides: Overrides): SourceFile => {
  const words = [
    overrides.listen === undefined ? '' : `--listen ${overrides.listen}`,
    overrides.admin === undefined ? '' : `--admin ${overrides.admin}`,
  ]
  return new SourceFile('command line', words.filter((word) => word !== '').join(' '), '/')
}

const applyOverrides = (root: Mapping, overrides: Overrides, provenance: Provenance, findings: Findings): Map<string, SourceLocation> => {
  const places = new Map<string, SourceLocation>()
  const line = commandLine(overrides)
  if (overrides.listen !== undefined) {
    const start = '--listen '.length
    const place = line.locate(start, start + overrides.listen.length)
    const listeners = isMapping(root['listeners']) && Object.keys(root['listeners']).length > 0 ? root['listeners'] : { main: {} }
    const [name = '', ...others] = Object.keys(listeners)
    if (others.length > 0) {
      findings.report(
        'HG3011',
        line.locate(0, '--listen'.length),
        `\`--listen\` cannot tell which listener is meant: ${[name, ...others].map((each) => `\`${each}\``).join(', ')}.`,
        { hint: 'Change the addresses in the file.' },
      )
    } else {
      const listener = isMapping(listeners[name]) ? listeners[name] : {}
      root['listeners'] = listeners
      listeners[name] = listener
      listener['address'] = overrides.listen
      provenance.forget(listener, 'address')
      places.set(`/listeners/${name.replaceAll('~', '~0').replaceAll('/', '~1')}/address`, place)
    }
  }
  if (overrides.admin !== undefined) {
    const start = line.text.indexOf('--admin ') + '--admin '.length
    const admin = isMapping(root['admin']) ? root['admin'] : {}
    root['admin'] = admin
    admin['address'] = overrides.admin
    provenance.forget(admin, 'address')
    places.set('/admin/address', line.locate(start, start + overrides.admin.length))
  }
  return places
}
