import type { ValidService } from '../resolve/input.ts'
import type { TlsTexts } from '../resolve/tls.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'
import { lintTls } from './tls.ts'
import type { ReadFile } from './named-file.ts'

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
    if (service.tls !== undefined) tls.set(name, lintTls(context, ['services', name, 'tls'], service.tls, readFile, files))
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
