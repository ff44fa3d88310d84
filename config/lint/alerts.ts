import { placeName, pointerOf } from '../source/value.ts'
import { httpUrl } from '../values/url.ts'
import type { LintContext } from './context.ts'
import { unknownName, unknownOperation } from './references.ts'

/** Channels that lead somewhere. */
export const lintAlerts = (context: LintContext): void => {
  const { tree, findings, providers } = context
  for (const [name, alert] of Object.entries(context.section('alerts') ?? {})) {
    const at = ['alerts', name]
    if (alert.type === 'queue') unknownName(context, 'queue', alert.queue, [...at, 'queue'])
    if (alert.type === 'email') {
      unknownName(context, 'integration', alert.integration, [...at, 'integration'])
      if (providers.get(alert.integration)?.operations.has('send') === false)
        unknownOperation(context, alert.integration, 'send', [...at, 'integration'])
    }
    if (alert.type !== 'webhook' || tree.refersToSecret([...at, 'url']) || httpUrl(alert.url).ok) continue
    findings.report(
      'HG2012',
      tree.valueLocation([...at, 'url']),
      `${placeName([...at, 'url'])} is no URL that starts with \`http://\` or \`https://\`.`,
      {
        pointer: pointerOf([...at, 'url']),
      },
    )
  }
}
