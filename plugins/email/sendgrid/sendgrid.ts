import { interfaceVersion, ProviderFailure, WebhookRejected } from '../../../gateway/plugin.ts'
import type { Adapter, AdapterContext, AdapterInstance, Json, OperationCall, ProviderAnswer } from '../../../gateway/plugin.ts'
import { inBatches } from '../batches.ts'
import type { BatchAnswer } from '../batches.ts'
import { fieldsOf, listOf, mailEvents, textOf } from '../events.ts'
import { mailOf, sendBulkOperation, sendOperation } from '../mail.ts'
import type { Mail } from '../mail.ts'
import { durationMs, fromOf, fromSetting, templatesSetting } from '../settings.ts'
import { getTemplateOperation, storedTemplates } from '../stored-templates.ts'
import type { LoadedTemplate } from '../stored-templates.ts'
import { readEvents, verificationKey } from './event-webhook.ts'
import { refusedPositions, sendgridFailure } from './failures.ts'
import { groupOf, sendRequest } from './request.ts'

const settings = {
  type: 'object',
  additionalProperties: false,
  description: 'Of SendGrid.',
  properties: {
    from: fromSetting,
    templates: templatesSetting,
    sandbox: { type: 'boolean', default: false, description: 'Mails are checked by SendGrid and not delivered.' },
    webhook: {
      type: 'object',
      additionalProperties: false,
      required: ['public_key'],
      description: 'The signed Event Webhook.',
      properties: {
        public_key: { type: 'string', minLength: 1, description: 'Verification key, as SendGrid shows it: base64.' },
        max_age: { type: 'string', format: 'headgate-duration', default: '10m', description: 'Older requests are refused.' },
      },
    },
  },
} as const

/** Mails and recipients that one request may have. */
const maxPersonalizations = 1000

export const adapter: Adapter = {
  interface: interfaceVersion,
  type: 'sendgrid',
  capability: 'email',
  summary: 'Twilio SendGrid: mails, dynamic templates, bulk, delivery events.',
  baseUrl: 'https://api.sendgrid.com/v3',
  auth: ['bearer'],
  settings,
  operations: { send: sendOperation, send_bulk: sendBulkOperation(maxPersonalizations), get_template: getTemplateOperation },
  webhook: { summary: 'Signed Event Webhook: bounces, blocks, deliveries, complaints.', events: mailEvents },
  create,
}

function create(context: AdapterContext): AdapterInstance {
  const { http, now } = context
  const from = fromOf(context.settings)
  const sandbox = context.settings['sandbox'] === true
  const webhook = fieldsOf(context.settings['webhook'])
  const publicKey = textOf(webhook['public_key'])
  if (publicKey !== undefined) verificationKey(publicKey)
  const templates = storedTemplates(context, load)

  async function get(path: string, signal: AbortSignal): Promise<ProviderAnswer> {
    const answer = await http.request({ method: 'GET', path, signal })
    if (answer.status !== 200) throw sendgridFailure(answer, now())
    return answer
  }

  async function load(id: string, signal: AbortSignal): Promise<LoadedTemplate> {
    const template = fieldsOf((await get(`/templates/${encodeURIComponent(id)}`, signal)).json())
    const versions = listOf(template['versions']).map(fieldsOf)
    const version = versions.find(({ active }) => active === 1) ?? versions[0] ?? {}
    return { name: template['name'], subject: version['subject'], text: version['plain_content'], html: version['html_content'] }
  }

  const post = (mails: readonly [Mail, ...Mail[]], signal: AbortSignal): Promise<ProviderAnswer> =>
    http.request({ method: 'POST', path: '/mail/send', json: sendRequest(mails, sandbox), signal })

  /** @returns The id under which SendGrid reports events; the key where it names none, which the mail carries too. */
  function sent(answer: ProviderAnswer, { key, template }: Mail): { id: string } {
    // 200 is the sandbox's answer.
    if (answer.status === 202 || (sandbox && answer.status === 200)) return { id: answer.headers['x-message-id'] ?? key }
    const failure = sendgridFailure(answer, now())
    if (failure.code === 'template_missing' && template !== undefined) templates.markMissing(template)
    throw failure
  }

  /** A request is taken or refused as a whole, so the rest goes out again without those whose recipients were refused. */
  async function sendGroup(mails: readonly Mail[], signal: AbortSignal): Promise<BatchAnswer[]> {
    const [first, ...others] = mails
    if (first === undefined) return []
    if (first.template !== undefined) templates.ensureKnown(first.template)
    const answer = await post([first, ...others], signal)
    const refused = refusedPositions(answer, mails.length)
    if (mails.length === 1 || refused.size === 0) {
      const done = sent(answer, first)
      return mails.map(({ key }) => ({ id: answer.headers['x-message-id'] === undefined ? key : done.id }))
    }
    const failure = sendgridFailure(answer, now())
    const rest = await sendGroup(
      mails.filter((_, position) => !refused.has(position)),
      signal,
    ).catch((error: unknown) => {
      if (error instanceof ProviderFailure) return mails.map(() => error)
      throw error
    })
    return mails.map((_, position) => (refused.has(position) ? failure : (rest.shift() ?? failure)))
  }

  async function run(call: OperationCall): Promise<Json> {
    const mail = mailOf(call, from)
    if (mail.template !== undefined) templates.ensureKnown(mail.template)
    return sent(await post([mail], call.signal), mail)
  }

  return {
    operations: {
      send: { run },
      send_bulk: {
        run,
        runBatch: (calls, signal) =>
          inBatches(calls, {
            from,
            groupOf,
            maxMails: maxPersonalizations,
            maxRecipients: maxPersonalizations,
            sendGroup: (mails) => sendGroup(mails, signal),
          }),
      },
      get_template: templates.handlers,
    },
    async probe({ signal }) {
      await get('/scopes', signal)
    },
    async webhook(request) {
      if (publicKey === undefined) throw new WebhookRejected('settings.webhook is not configured')
      return readEvents(request, { publicKey, maxAgeMs: durationMs(webhook['max_age']), now: () => now() })
    },
  }
}
