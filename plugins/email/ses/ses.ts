import { interfaceVersion, ProviderFailure, WebhookRejected } from '../../../gateway/plugin.ts'
import type { Adapter, AdapterContext, AdapterInstance, Json, OperationCall, ProviderAnswer } from '../../../gateway/plugin.ts'
import { inBatches } from '../batches.ts'
import type { BatchAnswer } from '../batches.ts'
import { fieldsOf, listOf, mailEvents, textOf } from '../events.ts'
import { mailOf, sendBulkOperation, sendOperation } from '../mail.ts'
import type { Mail } from '../mail.ts'
import { fromOf, fromSetting, templatesSetting } from '../settings.ts'
import { getTemplateOperation, storedTemplates } from '../stored-templates.ts'
import type { LoadedTemplate } from '../stored-templates.ts'
import { sesCall } from './client.ts'
import { sesEntryFailure, sesFailure } from './failures.ts'
import { readNotification } from './notifications.ts'
import { bulkRequest, groupOf, sendRequest } from './request.ts'
import { snsMessages, snsSetting } from './sns.ts'

const settings = {
  type: 'object',
  additionalProperties: false,
  description: 'Of SES.',
  properties: {
    from: fromSetting,
    templates: templatesSetting,
    configuration_set: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$', description: 'Configuration set of all mails; it publishes events.' },
    sns: snsSetting,
  },
} as const

/** Mails, and recipients, that one bulk call may have. */
const maxBulk = 50

export const adapter: Adapter = {
  interface: interfaceVersion,
  type: 'ses',
  capability: 'email',
  summary: 'Amazon SES, version 2 of its interface: mails, stored templates, bulk, delivery events over SNS.',
  auth: ['aws'],
  settings,
  operations: { send: sendOperation, send_bulk: sendBulkOperation(maxBulk), get_template: getTemplateOperation },
  webhook: { summary: 'Notifications of SES by SNS over HTTPS: bounces, blocks, deliveries, complaints.', events: mailEvents },
  create,
}

function create(context: AdapterContext): AdapterInstance {
  const { now } = context
  const from = fromOf(context.settings)
  const configurationSet = textOf(context.settings['configuration_set'])
  const call = sesCall(context)
  const sns = context.settings['sns'] === undefined ? undefined : snsMessages(fieldsOf(context.settings['sns']), context)
  const templates = storedTemplates(context, load)

  async function load(id: string, signal: AbortSignal): Promise<LoadedTemplate> {
    const answer = await call('GET', `/v2/email/templates/${encodeURIComponent(id)}`, undefined, signal)
    if (answer.status !== 200) throw sesFailure(answer, false, now())
    const content = fieldsOf(fieldsOf(answer.json())['TemplateContent'])
    return { subject: textOf(content['Subject']), text: textOf(content['Text']), html: textOf(content['Html']) }
  }

  function ensureSent(answer: ProviderAnswer, { template }: Mail): void {
    if (answer.status === 200) return
    const failure = sesFailure(answer, template !== undefined, now())
    if (template !== undefined && failure.kind === 'template_error' && failure.code === 'NotFoundException') templates.markMissing(template)
    throw failure
  }

  async function send(mail: Mail, signal: AbortSignal): Promise<Json> {
    if (mail.template !== undefined) templates.ensureKnown(mail.template)
    const answer = await call('POST', '/v2/email/outbound-emails', sendRequest(mail, configurationSet), signal)
    ensureSent(answer, mail)
    const id = textOf(fieldsOf(answer.json())['MessageId'])
    // Taken over all the same: the key in the mail tells what became of it.
    return { id: id ?? mail.key }
  }

  async function sendGroup(mails: readonly Mail[], signal: AbortSignal): Promise<BatchAnswer[]> {
    const [first, ...others] = mails
    if (first === undefined) return []
    if (groupOf(first) === undefined) return [await send(first, signal)]
    templates.ensureKnown(first.template ?? '')
    const answer = await call('POST', '/v2/email/outbound-bulk-emails', bulkRequest([first, ...others], configurationSet), signal)
    ensureSent(answer, first)
    const results = listOf(fieldsOf(answer.json())['BulkEmailEntryResults']).map(fieldsOf)
    return mails.map(({ key }, position) => {
      const result = results[position]
      if (result === undefined) return new ProviderFailure('invalid_response', 'SES says nothing about this mail', { executed: 'unknown' })
      const status = textOf(result['Status']) ?? ''
      return status === 'SUCCESS' ? { id: textOf(result['MessageId']) ?? key } : sesEntryFailure(status, textOf(result['Error']) ?? '')
    })
  }

  const run = ({ signal, ...rest }: OperationCall): Promise<Json> => send(mailOf({ ...rest, signal }, from), signal)

  return {
    operations: {
      send: { run },
      send_bulk: {
        run,
        runBatch: (calls, signal) =>
          inBatches(calls, { from, groupOf, maxMails: maxBulk, maxRecipients: maxBulk, sendGroup: (mails) => sendGroup(mails, signal) }),
      },
      get_template: templates.handlers,
    },
    async probe({ signal }) {
      const answer = await call('GET', '/v2/email/account', undefined, signal)
      if (answer.status !== 200) throw sesFailure(answer, false, now())
    },
    async webhook(request, { signal }) {
      if (sns === undefined) throw new WebhookRejected('settings.sns is not configured')
      const notification = await sns(request, signal)
      return notification === undefined ? [] : readNotification(notification)
    },
  }
}
