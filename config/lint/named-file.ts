import { resolve } from 'node:path'
import type { Steps } from '../source/tree.ts'
import { isContainer } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'

/** @throws Whatever the file system says. */
export type ReadFile = (path: string) => string

/** Reads a file that the configuration names; relative to the file that names it. @param files Takes its absolute name. */
export const namedFile = (
  { tree }: LintContext,
  steps: Steps,
  path: string,
  readFile: ReadFile,
  files: string[],
): { readonly text: string } | { readonly message: string } => {
  const shown = quoted(tree.shown(steps) ?? path)
  const parent = tree.value(steps.slice(0, -1))
  const folder = isContainer(parent) ? tree.provenance.entry(parent, String(steps.at(-1)))?.file.folder : undefined
  const absolute = resolve(folder ?? '/', path)
  files.push(absolute)
  try {
    return { text: readFile(absolute) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return { message: code === 'ENOENT' ? `There is no file ${shown}.` : `The file ${shown} cannot be read (${code}).` }
  }
}
