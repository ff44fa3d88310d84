import { isMapping, placeName, pointerOf } from '../source/value.ts'
import { httpUrl } from '../values/url.ts'
import type { AlertInput } from '../../schemas/alerts.ts'
import type { LintContext } from './context.ts'
import { unknownName, unknownOperation } from './references.ts'
import { fitting } from './unfit.ts'

/** Channels that lead somewhere. */
export const lintAlerts = (context: LintContext): void => {
  const { tree, findings, providers } = context
  const fits = fitting(context)
  const { alerts } = tree.root
  for (const [name, value] of Object.entries(isMapping(alerts) ? alerts : {})) {
    const at = ['alerts', name]
    if (!isMapping(value) || !fits(at, value)) continue
    const alert = value as unknown as AlertInput
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
