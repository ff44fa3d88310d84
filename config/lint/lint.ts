import type { Findings } from '../diagnostics/findings.ts'
import type { Tree } from '../source/tree.ts'
import { type Adapters, lintContext } from './context.ts'
import { lintInactive } from './inactive.ts'
import { lintIntegrations, type LintedIntegrations } from './integrations.ts'
import { lintListeners } from './listeners.ts'
import { lintMetrics } from './metrics.ts'
import { lintRoutes } from './routes.ts'
import { lintRules } from './rules.ts'
import { lintMessageRules } from './message-rules.ts'
import { lintMessaging, type LintedMessaging } from './messaging.ts'
import { lintServices, type ServiceFiles } from './services.ts'
import { lintTargets } from './targets.ts'
import type { ReadFile } from './named-file.ts'

export interface LintInput extends Adapters {
  readonly readFile: ReadFile
}

/** Checks what the schema cannot say: names that lead somewhere, rules that do not contradict each other. Also reads the files that the configuration names. */
export const lint = (tree: Tree, findings: Findings, { readFile, ...adapters }: LintInput): ServiceFiles & LintedMessaging & LintedIntegrations => {
  const context = lintContext(tree, findings, adapters)
  lintInactive(context)
  lintListeners(context)
  const messageFiles: string[] = []
  const messaging = lintMessaging(context, readFile, messageFiles)
  lintTargets(context, messaging.delivered)
  lintRules(context)
  lintMessageRules(context)
  lintRoutes(context)
  lintMetrics(context)
  const { tls, files } = lintServices(context, readFile)
  const integrations = lintIntegrations(context, readFile, messageFiles)
  return { tls, ...messaging, ...integrations, files: [...files, ...messageFiles] }
}
