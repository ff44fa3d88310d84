import type { Findings } from '../diagnostics/findings.ts'
import type { Tree } from '../source/tree.ts'
import { type Adapters, lintContext } from './context.ts'
import { lintInactive } from './inactive.ts'
import { lintAlerts } from './alerts.ts'
import { lintFlows, servicesOfFlows } from './flows.ts'
import { lintIntegrations } from './integrations.ts'
import { lintListeners } from './listeners.ts'
import { lintMetrics } from './metrics.ts'
import { lintRoutes } from './routes.ts'
import { lintRules } from './rules.ts'
import { lintMessageRules } from './message-rules.ts'
import { lintMessaging, type LintedMessaging } from './messaging.ts'
import { lintPlainSecrets, lintReferences } from './secrets.ts'
import { lintServices, type ServiceFiles } from './services.ts'
import { lintState } from './state.ts'
import { lintTargets } from './targets.ts'
import { lintUnfit } from './unfit.ts'
import type { ReadFile } from './named-file.ts'
import type { TlsTexts } from '../resolve/tls.ts'

export interface LintInput extends Adapters {
  readonly readFile: ReadFile
}

interface Linted extends ServiceFiles, LintedMessaging {
  /** PEM texts by integration. */
  readonly integrationTls: ReadonlyMap<string, TlsTexts>
  /** PEM texts of `state`. */
  readonly stateTls: TlsTexts
}

/** Checks what the schema cannot say: names that lead somewhere, rules that do not contradict each other. Also reads the files that the configuration names. */
export const lint = (tree: Tree, findings: Findings, { readFile, ...adapters }: LintInput): Linted => {
  lintReferences(tree, findings, adapters.catalogue)
  const context = lintContext(tree, findings, adapters)
  lintInactive(context)
  lintListeners(context)
  const messageFiles: string[] = []
  const messaging = lintMessaging(context, readFile, messageFiles)
  const called = servicesOfFlows(context)
  lintTargets(context, messaging.delivered && called && new Set([...messaging.delivered, ...called]))
  lintRules(context)
  lintMessageRules(context)
  lintRoutes(context)
  lintMetrics(context)
  const { tls, files } = lintServices(context, readFile)
  const integrationTls = lintIntegrations(context, readFile, messageFiles)
  lintUnfit(context)
  lintFlows(context)
  lintAlerts(context)
  const stateTls = lintState(context, readFile, messageFiles)
  lintPlainSecrets(context)
  return { tls, ...messaging, integrationTls, stateTls, files: [...files, ...messageFiles] }
}
