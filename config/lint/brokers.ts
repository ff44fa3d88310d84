import type { BrokerInput } from '../../schemas/brokers.ts'
import type { TlsTexts } from '../resolve/tls.ts'
import { placeName, pointerOf } from '../source/value.ts'
import type { LintContext } from './context.ts'
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

const lintRabbitmq = ({ tree, findings }: LintContext, name: string, broker: Extract<BrokerInput, { type: 'rabbitmq' }>): void => {
  const at = ['brokers', name]
  for (const [has, lacks] of [
    ['username', 'password'],
    ['password', 'username'],
  ] as const) {
    if (broker[has] === undefined || broker[lacks] !== undefined) continue
    findings.report('HG1005', tree.keyLocation([...at, has]), `${placeName(at)} has no \`${lacks}\`.`, {
      hint: `\`${has}\` needs it beside it.`,
      pointer: pointerOf([...at, has]),
    })
  }
  const withCredentials = broker.urls.findIndex((url) => new URL(url).username !== '' || new URL(url).password !== '')
  if (broker.username !== undefined && withCredentials !== -1) {
    findings.report('HG2024', tree.valueLocation([...at, 'urls', withCredentials]), 'The URL holds a user, and `username` stands beside it.', {
      hint: 'Take it out of the URL.',
      related: [{ message: '`username` is here', location: tree.keyLocation([...at, 'username']) }],
      pointer: pointerOf([...at, 'urls', withCredentials]),
    })
  }
  if (broker.tls !== undefined && broker.urls.every((url) => url.startsWith('amqp:')))
    findings.report('HG4006', tree.keyLocation([...at, 'tls']), '`tls` has no effect: none of the addresses begins with `amqps://`.')
}
