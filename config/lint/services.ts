import type { UpstreamTlsConfig } from '../model.ts'
import type { ValidService } from '../resolve/input.ts'
import type { TlsTexts } from '../resolve/service.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'
import { type ReadFile, tlsFile } from './tls-files.ts'

export interface ServiceFiles {
  readonly tls: ReadonlyMap<string, TlsTexts>
  /** Absolute paths. */
  readonly files: readonly string[]
}

/** Every service has an address, no address twice, and TLS files that can be used. */
export const lintServices = (context: LintContext, readFile: ReadFile): ServiceFiles => {
  const tls = new Map<string, TlsTexts>()
  const files: string[] = []
  for (const [name, service] of context.services) {
    lintAddress(context, name, service)
    if (service.tls !== undefined) tls.set(name, lintTls(context, name, service.tls, readFile, files))
  }
  return { tls, files }
}

const lintAddress = ({ tree, findings, misspeltServices }: LintContext, name: string, service: ValidService): void => {
  const at = ['services', name]
  if (service.urls === undefined && service.dns === undefined && !misspeltServices.has(name)) {
    const because = service.consul === undefined ? '' : '; `consul` is not active in this version'
    findings.report('HG3009', tree.keyLocation(at), `The service ${quoted(name)} has no address${because}.`, {
      hint: 'Add `urls` or `dns`.',
      pointer: pointerOf(at),
    })
  }
  const first = new Map<string, number>()
  service.urls?.forEach((url, index) => {
    const { origin } = new URL(url)
    const before = first.get(origin)
    if (before === undefined) first.set(origin, index)
    else {
      findings.report(
        'HG2018',
        tree.valueLocation([...at, 'urls', index]),
        `${quoted(tree.shown([...at, 'urls', index]) ?? url)} stands in the addresses of ${quoted(name)} twice.`,
        {
          related: [{ message: 'first here', location: tree.valueLocation([...at, 'urls', before]) }],
        },
      )
    }
  })
  for (const key of ['dns_refresh', 'dns_servers'] as const) {
    if (service.dns === undefined && service.urls !== undefined && tree.isWritten([...at, key]))
      findings.report('HG4006', tree.keyLocation([...at, key]), `\`${key}\` has no effect without \`dns\`.`)
  }
}

type Tls = NonNullable<ValidService['tls']>
const parts = [
  ['ca_file', 'ca'],
  ['cert_file', 'cert'],
  ['key_file', 'key'],
] as const satisfies readonly (readonly [keyof Tls, keyof UpstreamTlsConfig])[]

const lintTls = (context: LintContext, name: string, tls: Tls, readFile: ReadFile, files: string[]): TlsTexts => {
  const { tree, findings } = context
  const at = ['services', name, 'tls']
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
