import { interfaceVersion, ProviderFailure } from '../../../gateway/plugin.ts'
import type { Adapter, AdapterContext, AdapterInstance, Json, OperationCall } from '../../../gateway/plugin.ts'
import { failureOf } from '../batches.ts'
import type { BatchAnswer } from '../batches.ts'
import { fieldsOf, textOf } from '../events.ts'
import { ensureOneLine, mailOf, sendBulkOperation, sendOperation } from '../mail.ts'
import type { Mail } from '../mail.ts'
import { fromOf, fromSetting } from '../settings.ts'
import { getTemplateOperation } from '../stored-templates.ts'
import { folderTemplates } from './folder-templates.ts'
import { envelopeOf, messageIdOf, messageOf } from './message.ts'
import { smtpPool } from './pool.ts'
import type { SessionOptions } from './session.ts'

const settings = {
  type: 'object',
  additionalProperties: false,
  required: ['host'],
  description: 'Of the SMTP server.',
  properties: {
    host: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,253}$', description: 'Name or IP address of the server.' },
    port: { type: 'integer', minimum: 1, maximum: 65535, default: 587, description: '587 with `starttls`, 465 with `tls`.' },
    security: {
      type: 'string',
      enum: ['starttls', 'tls', 'none'],
      default: 'starttls',
      description:
        'How the connection is encrypted: `starttls` ends it where the server does not offer that; `none` only without a password, or on this machine.',
    },
    tls: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'What the certificate of the server is held against.',
      properties: {
        ca: { type: 'string', minLength: 1, description: 'PEM text of the authorities to trust instead of the built-in ones.' },
        server_name: { type: 'string', minLength: 1, description: 'Name expected in the certificate, when it is not the host.' },
      },
    },
    client_name: {
      type: 'string',
      pattern: '^[A-Za-z0-9.:[\\]-]{1,253}$',
      description: 'What the gateway calls itself in `EHLO`; its host name where absent.',
    },
    from: fromSetting,
    templates: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Templates in files.',
      properties: {
        folder: {
          type: 'string',
          minLength: 1,
          description: 'Folder with `ID.subject.txt`, `ID.txt` and `ID.html`, absolute or under the working directory; read again when they change.',
        },
      },
    },
    max_connections: { type: 'integer', minimum: 1, maximum: 1000, default: 5, description: 'Connections at the same time.' },
    max_mails: { type: 'integer', minimum: 1, maximum: 100000, default: 100, description: 'Mails over one connection.' },
  },
} as const

const { local: _local, ...getTemplate } = getTemplateOperation

export const adapter: Adapter = {
  interface: interfaceVersion,
  type: 'smtp',
  capability: 'email',
  summary: 'Any SMTP server: mails, templates in files, several mails over one connection.',
  baseUrl: false,
  auth: ['basic', 'none'],
  settings,
  operations: {
    send: sendOperation,
    send_bulk: sendBulkOperation(100),
    get_template: { ...getTemplate, summary: 'Reads a template from its files.' },
  },
  create,
}

const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/i
const connectMs = 10_000
/** The time limit of the attempt comes first. */
const silenceMs = 600_000

function create(context: AdapterContext): AdapterInstance {
  const { auth, now, secret } = context
  const from = fromOf(context.settings)
  const templates = folderTemplates(textOf(fieldsOf(context.settings['templates'])['folder']))
  const user = auth.type === 'basic' ? () => secret('auth.username') ?? '' : undefined
  const session = sessionOptions(context)
  if (user !== undefined && session.ignoreTLS === true && !loopback.test(session.host ?? '')) {
    throw new Error('a password is not sent over a connection without encryption: set settings.security to starttls or tls')
  }
  const pool = smtpPool({
    session,
    maxConnections: Number(context.settings['max_connections']),
    maxMails: Number(context.settings['max_mails']),
    login: () => (user === undefined ? undefined : { user: user(), pass: secret('auth.password') ?? '' }),
  })

  async function filled(mail: Mail): Promise<Mail> {
    if (mail.template === undefined) return mail
    const { subject = mail.subject, text, html } = await templates.filled(mail.template, mail.data)
    const full = { ...mail, subject: mail.subject ?? subject, text, html }
    ensureOneLine(full.subject)
    if (full.subject === undefined || full.subject === '') {
      throw new ProviderFailure('template_error', 'neither the template nor the mail has a subject', { executed: 'no', code: 'template_subject' })
    }
    return full
  }

  async function run(call: OperationCall): Promise<Json> {
    const mail = await filled(mailOf(call, from))
    const { rejected } = await pool.send(envelopeOf(mail), await messageOf(mail, now()), call.signal)
    return { id: messageIdOf(mail), ...(rejected.length === 0 ? {} : { rejected }) }
  }

  /** One after the other, over the connection that is open. */
  async function runBatch(calls: readonly OperationCall[], signal: AbortSignal): Promise<readonly BatchAnswer[]> {
    const answers: BatchAnswer[] = []
    let away: ProviderFailure | undefined
    for (const call of calls) {
      const answer: BatchAnswer = away ?? (await run({ ...call, signal }).catch(failureOf))
      if (answer instanceof ProviderFailure && isAway(answer)) away = answer
      answers.push(answer)
    }
    return answers
  }

  return {
    operations: {
      send: { run },
      send_bulk: { run, runBatch },
      get_template: { run: async ({ input }) => ({ ...(await templates.read((input as { readonly id: string }).id)) }) },
    },
    probe: ({ signal }) => pool.check(signal),
    close: () => pool.close(),
  }
}

/** The next mail would fare no better. */
const isAway = ({ kind, executed }: ProviderFailure): boolean =>
  executed === 'no' && ['network_error', 'timeout', 'service_down', 'unauthorized'].includes(kind)

function sessionOptions({ settings: own }: AdapterContext): SessionOptions {
  const { ca, server_name: serverName } = fieldsOf(own['tls'])
  const clientName = textOf(own['client_name'])
  return {
    host: textOf(own['host']) ?? '',
    port: Number(own['port']),
    secure: own['security'] === 'tls',
    requireTLS: own['security'] === 'starttls',
    ignoreTLS: own['security'] === 'none',
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    socketTimeout: silenceMs,
    tls: {
      rejectUnauthorized: true,
      ...(typeof ca === 'string' ? { ca } : {}),
      ...(typeof serverName === 'string' ? { servername: serverName } : {}),
    },
    ...(clientName === undefined ? {} : { name: clientName }),
  }
}
