import type { TlsTexts } from '../resolve/tls.ts'
import type { LintContext } from './context.ts'
import type { ReadFile } from './named-file.ts'
import { lintTls } from './tls.ts'

/** Contents of files that integrations and `state` name. */
export interface LintedIntegrations {
  /** PEM texts by integration. */
  readonly integrationTls: ReadonlyMap<string, TlsTexts>
  readonly stateTls: TlsTexts
}

/** Everything about integrations, flows, alerts, state and secrets that the schema cannot say. @param files Takes the absolute names of files that were read. */
export const lintIntegrations = (context: LintContext, readFile: ReadFile, files: string[]): LintedIntegrations => {
  const integrationTls = new Map<string, TlsTexts>()
  for (const [name, { input }] of context.integrations)
    if (input.tls !== undefined) integrationTls.set(name, lintTls(context, ['integrations', name, 'tls'], input.tls, readFile, files))
  return { integrationTls, stateTls: {} }
}
