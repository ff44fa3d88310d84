import type { TlsInput } from '../../schemas/tls.ts'
import type { UpstreamTlsConfig } from '../model.ts'
import type { TlsTexts } from '../resolve/tls.ts'
import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import type { LintContext } from './context.ts'
import type { ReadFile } from './named-file.ts'
import { tlsFile } from './tls-files.ts'

const parts = [
  ['ca_file', 'ca'],
  ['cert_file', 'cert'],
  ['key_file', 'key'],
] as const satisfies readonly (readonly [keyof TlsInput, keyof UpstreamTlsConfig])[]

/** One `tls`, of a service or broker. @param files Takes the absolute names of the files that were read. */
export const lintTls = (context: LintContext, at: Steps, tls: TlsInput, readFile: ReadFile, files: string[]): TlsTexts => {
  const { tree, findings } = context
  const texts: { ca?: string; cert?: string; key?: string } = {}
  for (const [key, part] of parts) {
    const path = tls[key]
    if (path === undefined) continue
    const text = tlsFile(context, [...at, key], path, part, readFile, files)
    if (text !== undefined) texts[part] = text
  }
  if ((tls.cert_file === undefined) !== (tls.key_file === undefined)) {
    const [has, lacks] = tls.cert_file === undefined ? ['key_file', 'cert_file'] : ['cert_file', 'key_file']
    findings.report('HG2023', tree.keyLocation([...at, has]), `\`${has}\` needs \`${lacks}\` beside it.`, { pointer: pointerOf([...at, has]) })
  }
  if (!tls.verify && (tls.ca_file !== undefined || tls.server_name !== undefined)) {
    const key = tls.ca_file === undefined ? 'server_name' : 'ca_file'
    findings.report('HG4006', tree.keyLocation([...at, key]), `\`${key}\` has no effect with \`verify: false\`.`)
  }
  return texts
}
