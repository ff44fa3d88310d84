import { posix } from 'node:path'
import type { SourceFile } from './files.ts'

export interface Imports {
  /** Files of the repository, from its top. */
  readonly local: readonly string[]
  /** Package names (`@scope/name` or `name`) and `node:` modules. */
  readonly packages: readonly string[]
}

const statement = /^(?:import|export)\b[^'"`;]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm

const packageOf = (specifier: string): string =>
  specifier.startsWith('node:')
    ? specifier
    : specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')

/** What a file imports or re-exports, types included, lazily or not. */
export const importsOf = (file: SourceFile): Imports => {
  const specifiers = [...file.text.matchAll(statement)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
  const isLocal = (specifier: string): boolean => specifier.startsWith('.')
  return {
    local: specifiers.filter(isLocal).map((specifier) => posix.join(posix.dirname(file.path), specifier)),
    packages: specifiers.filter((specifier) => !isLocal(specifier)).map(packageOf),
  }
}

/** Each cycle once, as `a -> b -> a`. */
export const importCycles = (files: readonly SourceFile[]): readonly string[] => {
  const edges = new Map(files.map((file) => [file.path, importsOf(file).local]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start !== -1) {
      cycles.push([...trail.slice(start), path].join(' -> '))
      return
    }
    if (done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return cycles
}
