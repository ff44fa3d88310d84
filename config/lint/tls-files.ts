import { resolve } from 'node:path'
import type { Steps } from '../source/tree.ts'
import { isContainer, pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'

/** @throws Whatever the file system says. */
export type ReadFile = (path: string) => string

const expected = {
  ca: { label: /^(?:X509 |TRUSTED )?CERTIFICATE$/, name: 'certificate' },
  cert: { label: /^(?:X509 |TRUSTED )?CERTIFICATE$/, name: 'certificate' },
  key: { label: /^(?:[A-Z]+ )?PRIVATE KEY$/, name: 'private key' },
} as const

/** Reads one PEM file that the configuration names; relative to the file that names it. Never shows what stands in it. */
export const tlsFile = (
  { tree, findings }: LintContext,
  steps: Steps,
  path: string,
  part: keyof typeof expected,
  readFile: ReadFile,
  files: string[],
): string | undefined => {
  const shown = quoted(tree.shown(steps) ?? path)
  const report = (message: string): undefined =>
    findings.report('HG2022', tree.valueLocation(steps), message, { pointer: pointerOf(steps) }) as undefined
  const parent = tree.value(steps.slice(0, -1))
  const folder = isContainer(parent) ? tree.provenance.entry(parent, String(steps.at(-1)))?.file.folder : undefined
  const absolute = resolve(folder ?? '/', path)
  files.push(absolute)
  let text: string
  try {
    text = readFile(absolute)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return report(code === 'ENOENT' ? `There is no file ${shown}.` : `The file ${shown} cannot be read (${code}).`)
  }
  const labels = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----\r?\n[^-]+-----END \1-----/gm)].map(([, label = '']) => label)
  if (labels.length === 0) return report(`The file ${shown} holds no PEM block.`)
  return labels.some((label) => expected[part].label.test(label)) ? text : report(`The file ${shown} holds no ${expected[part].name}.`)
}
