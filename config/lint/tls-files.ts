import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'
import { namedFile, type ReadFile } from './named-file.ts'

const expected = {
  ca: { label: /^(?:X509 |TRUSTED )?CERTIFICATE$/, name: 'certificate' },
  cert: { label: /^(?:X509 |TRUSTED )?CERTIFICATE$/, name: 'certificate' },
  key: { label: /^(?:[A-Z]+ )?PRIVATE KEY$/, name: 'private key' },
} as const

/** Reads one PEM file that the configuration names; relative to the file that names it. Never shows what stands in it. */
export const tlsFile = (
  context: LintContext,
  steps: Steps,
  path: string,
  part: keyof typeof expected,
  readFile: ReadFile,
  files: string[],
): string | undefined => {
  const { tree, findings } = context
  const shown = quoted(tree.shown(steps) ?? path)
  const report = (message: string): undefined =>
    findings.report('HG2022', tree.valueLocation(steps), message, { pointer: pointerOf(steps) }) as undefined
  const read = namedFile(context, steps, path, readFile, files)
  if ('message' in read) return report(read.message)
  const { text } = read
  const labels = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----\r?\n[^-]+-----END \1-----/gm)].map(([, label = '']) => label)
  if (labels.length === 0) return report(`The file ${shown} holds no PEM block.`)
  return labels.some((label) => expected[part].label.test(label)) ? text : report(`The file ${shown} holds no ${expected[part].name}.`)
}
