import type { BrokerInput } from '../../schemas/brokers.ts'
import type { TlsTexts } from '../resolve/tls.ts'
import type { LintContext } from './context.ts'
import { lintNeeds, lintUrlCredentials } from './credentials.ts'
import { lintTls } from './tls.ts'
import type { ReadFile } from './named-file.ts'

/** Credentials in one place, TLS where it is used. @returns PEM texts by broker. */
export const lintBrokers = (context: LintContext, readFile: ReadFile, files: string[]): ReadonlyMap<string, TlsTexts> => {
  const texts = new Map<string, TlsTexts>()
  for (const [name, broker] of Object.entries(context.section('brokers') ?? {})) {
    if (broker.type === 'embedded') continue
    if (broker.tls !== undefined) texts.set(name, lintTls(context, ['brokers', name, 'tls'], broker.tls, readFile, files))
    if (broker.type === 'rabbitmq') lintRabbitmq(context, name, broker)
  }
  return texts
}

const lintRabbitmq = (context: LintContext, name: string, broker: Extract<BrokerInput, { type: 'rabbitmq' }>): void => {
  const { tree, findings } = context
  const at = ['brokers', name]
  if (broker.username !== undefined && broker.password === undefined) lintNeeds(context, at, 'username', 'password')
  if (broker.password !== undefined && broker.username === undefined) lintNeeds(context, at, 'password', 'username')
  if (broker.username !== undefined) lintUrlCredentials(context, at, broker.urls, 'username')
  if (broker.tls !== undefined && broker.urls.every((url) => url.startsWith('amqp:')))
    findings.report('HG4006', tree.keyLocation([...at, 'tls']), '`tls` has no effect: none of the addresses begins with `amqps://`.')
}
