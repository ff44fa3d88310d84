import type { FailureKind, Json, OperationCall, OperationDefinition } from '../../gateway/plugin.ts'
import { ProviderFailure } from '../../gateway/plugin.ts'
import { addressOf, addressSchema, isAddress, oneLine, recipientOf } from './addresses.ts'
import type { Address, AddressInput } from './addresses.ts'

/** A mail that was checked: every address is one, no header can begin another. */
export interface Mail {
  readonly from: Address
  readonly to: readonly Address[]
  readonly cc: readonly Address[]
  readonly bcc: readonly Address[]
  readonly replyTo: Address | undefined
  readonly subject: string | undefined
  readonly text: string | undefined
  readonly html: string | undefined
  readonly template: string | undefined
  readonly data: Readonly<Record<string, Json>>
  readonly headers: Readonly<Record<string, string>>
  readonly attachments: readonly Attachment[]
  readonly category: string | undefined
  /** Of the intent; goes along as `keyHeader`, so that a mail sent twice can be told from two mails. */
  readonly key: string
}

export interface Attachment {
  readonly name: string
  readonly type: string
  /** Base64. */
  readonly content: string
}

interface MailInput {
  readonly from?: AddressInput
  readonly to: readonly AddressInput[]
  readonly cc?: readonly AddressInput[]
  readonly bcc?: readonly AddressInput[]
  readonly reply_to?: AddressInput
  readonly subject?: string
  readonly text?: string
  readonly html?: string
  readonly template?: string
  readonly data?: Readonly<Record<string, Json>>
  readonly headers?: Readonly<Record<string, string>>
  readonly attachments?: readonly Attachment[]
  readonly category?: string
}

export const keyHeader = 'X-Headgate-Key'

/** In one mail; SES takes no more. Those of one field are limited alike, their sum by `mailOf`. */
const maxRecipients = 50
const maxAttachmentBytes = 20 * 1024 * 1024

const addresses = (description: string, minItems: number) =>
  ({ type: 'array', minItems, maxItems: maxRecipients, items: addressSchema('An address'), description }) as const

/** What `send` and `send_bulk` take, for every provider alike, so that one can stand in for another. */
export const mailSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['to'],
  description: 'A mail: `template`, or `subject` with `text` or `html` or both.',
  anyOf: [{ required: ['template'] }, { required: ['subject', 'text'] }, { required: ['subject', 'html'] }],
  properties: {
    from: addressSchema('Sender; `from` of the settings where absent'),
    to: addresses('Recipients.', 1),
    cc: addresses('Recipients of a copy.', 0),
    bcc: addresses('Recipients that the others do not see.', 0),
    reply_to: addressSchema('Where answers go'),
    subject: { type: 'string', minLength: 1, maxLength: 900, pattern: oneLine, description: 'Subject; of a template, instead of its own.' },
    text: { type: 'string', minLength: 1, maxLength: 2_000_000, description: 'Plain text.' },
    html: { type: 'string', minLength: 1, maxLength: 2_000_000, description: 'HTML.' },
    template: { type: 'string', minLength: 1, maxLength: 200, pattern: oneLine, description: 'Id of the template.' },
    data: { type: 'object', additionalProperties: true, description: 'What fills the template.' },
    headers: {
      type: 'object',
      maxProperties: 30,
      propertyNames: { pattern: '^[A-Za-z0-9-]{1,76}$' },
      additionalProperties: { type: 'string', maxLength: 900, pattern: '^[\\x20-\\x7e]*$', description: 'One line of ASCII.' },
      description: 'More headers; none of those that make the mail, such as `To` or `Content-Type`.',
    },
    attachments: {
      type: 'array',
      maxItems: 20,
      description: 'Files, 20 MiB in all.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'type', 'content'],
        description: 'A file.',
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 200, pattern: oneLine, description: 'File name.' },
          type: { type: 'string', pattern: '^[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,120}$', description: 'Media type, such as `application/pdf`.' },
          content: { type: 'string', minLength: 1, maxLength: 28_000_000, pattern: '^[A-Za-z0-9+/]+={0,2}$', description: 'The bytes in base64.' },
        },
      },
    },
    category: { type: 'string', pattern: '^[A-Za-z0-9_.-]{1,100}$', description: 'Kind of mail, for the statistics of the provider.' },
  },
} as const

const sentSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  description: 'The mail was taken over for delivery.',
  properties: {
    id: { type: 'string', minLength: 1, description: 'Id of the message; later events carry it as `message_id`.' },
    rejected: { type: 'array', items: { type: 'string' }, description: 'Recipients that were refused while the others were accepted.' },
  },
} as const

const mailKinds = ['invalid_email', 'blocked_domain', 'template_error'] as const satisfies readonly FailureKind[]

/** Providers of mail take no idempotency key, and a mail that comes twice is a nuisance. */
const nature = { idempotency: 'none', duplicates: 'tolerable', kinds: mailKinds, templateField: 'template' } as const

export const sendOperation: OperationDefinition = {
  summary: 'Sends a mail to one or several recipients.',
  input: mailSchema,
  output: sentSchema,
  ...nature,
}

export const sendBulkOperation = (maxBatch: number): OperationDefinition => ({
  ...sendOperation,
  summary: 'Sends a mail that may wait; several become one call to the provider.',
  maxBatch,
})

/**
 * @param from `from` of the settings.
 * @throws {ProviderFailure} `invalid_email` for recipients, `invalid_request` for all else that no provider should see.
 */
export function mailOf(call: OperationCall, from: AddressInput | undefined): Mail {
  const input = call.input as unknown as MailInput
  const sender = input.from ?? from
  if (sender === undefined) throw unfit('neither the mail nor the settings have a `from`', 'from_missing')
  const recipients = (field: 'to' | 'cc' | 'bcc'): Address[] => (input[field] ?? []).map((one, index) => recipientOf(one, `${field}[${index}]`))
  const mail: Mail = {
    from: ours(sender, 'from'),
    to: recipients('to'),
    cc: recipients('cc'),
    bcc: recipients('bcc'),
    replyTo: input.reply_to === undefined ? undefined : ours(input.reply_to, 'reply_to'),
    subject: input.subject,
    text: input.text,
    html: input.html,
    template: input.template,
    data: input.data ?? {},
    headers: input.headers ?? {},
    attachments: input.attachments ?? [],
    category: input.category,
    key: call.key,
  }
  check(mail)
  return mail
}

const ours = (input: AddressInput, field: string): Address => {
  const address = addressOf(input)
  if (!isAddress(address.email)) throw unfit(`${field} is no mail address`, 'address_syntax')
  return address
}

/** Made by the gateway or the provider, or fields of the input. */
const reserved = new RegExp(
  `^(?:from|to|cc|bcc|subject|date|sender|reply-to|return-path|received|message-id|mime-version|content-.*|dkim-signature|x-sg-e?id|${keyHeader})$`,
  'i',
)

function check(mail: Mail): void {
  if (recipientsOf(mail).length > maxRecipients) throw unfit(`more than ${maxRecipients} recipients`, 'too_many_recipients')
  const bytes = mail.attachments.reduce((sum, { content }) => sum + content.length * 0.75, 0)
  if (bytes > maxAttachmentBytes) throw unfit('the attachments are larger than 20 MiB', 'attachments_too_large')
  const taken = Object.keys(mail.headers).find((name) => reserved.test(name))
  if (taken !== undefined) throw unfit(`the header ${taken} is not for callers`, 'header_reserved')
  // The schema has refused these already; templates and default values have not passed it.
  const { from, replyTo, to, cc, bcc } = mail
  const names = [from, replyTo, ...to, ...cc, ...bcc].map((address) => address?.name)
  for (const text of [mail.subject, ...names, ...Object.values(mail.headers), ...mail.attachments.map(({ name }) => name)]) ensureOneLine(text)
}

const lineBreak = /\p{Cc}|[\u2028\u2029]/u

/** @throws {ProviderFailure} `invalid_request` for a text that could begin a header of its own. */
export function ensureOneLine(text: string | undefined): void {
  if (text !== undefined && lineBreak.test(text)) throw unfit('a header field has a line break or a control character', 'header_injection')
}

export const recipientsOf = ({ to, cc, bcc }: Pick<Mail, 'to' | 'cc' | 'bcc'>): readonly Address[] => [...to, ...cc, ...bcc]

const unfit = (message: string, code: string): ProviderFailure => new ProviderFailure('invalid_request', message, { executed: 'no', code })
