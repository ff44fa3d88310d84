import { createHash } from 'node:crypto'
import type { Json } from '../../../gateway/plugin.ts'
import { mailbox } from '../addresses.ts'
import type { Address } from '../addresses.ts'
import { keyHeader } from '../mail.ts'
import type { Mail } from '../mail.ts'

/** Name among the tags of a mail, which come back with every event. */
export const keyTag = 'headgate_key'

const encoded = (data: string): Json => ({ Data: data, Charset: 'UTF-8' })

const addresses = (list: readonly Address[]): Json => list.map(mailbox)

const destination = ({ to, cc, bcc }: Mail): Json => ({
  ToAddresses: addresses(to),
  ...(cc.length === 0 ? {} : { CcAddresses: addresses(cc) }),
  ...(bcc.length === 0 ? {} : { BccAddresses: addresses(bcc) }),
})

const headers = ({ headers: own, key }: Mail): Json => Object.entries({ ...own, [keyHeader]: key }).map(([Name, Value]) => ({ Name, Value }))

/** SES takes letters, digits and `_-.@` in tags. The header has the key as it is. */
const tags = ({ key, category }: Mail): Json => [
  { Name: keyTag, Value: /^[\w.@-]{1,256}$/.test(key) ? key : createHash('sha256').update(key).digest('hex') },
  ...(category === undefined ? [] : [{ Name: 'category', Value: category }]),
]

const sender = ({ from, replyTo }: Mail, configurationSet: string | undefined): Record<string, Json> => ({
  FromEmailAddress: mailbox(from),
  ...(replyTo === undefined ? {} : { ReplyToAddresses: [mailbox(replyTo)] }),
  ...(configurationSet === undefined ? {} : { ConfigurationSetName: configurationSet }),
})

/** Body of `POST /v2/email/outbound-emails`. */
export function sendRequest(mail: Mail, configurationSet: string | undefined): Json {
  const { subject, text, html, template, data } = mail
  const attachments = mail.attachments.map(({ name, type, content }) => ({
    FileName: name,
    ContentType: type,
    RawContent: content,
    ContentDisposition: 'ATTACHMENT',
    ContentTransferEncoding: 'BASE64',
  }))
  const more = { Headers: headers(mail), ...(attachments.length === 0 ? {} : { Attachments: attachments }) }
  const body = { ...(text === undefined ? {} : { Text: encoded(text) }), ...(html === undefined ? {} : { Html: encoded(html) }) }
  const content: Json =
    template === undefined
      ? { Simple: { Subject: encoded(subject ?? ''), Body: body, ...more } }
      : { Template: { TemplateName: template, TemplateData: JSON.stringify(data), ...more } }
  return { ...sender(mail, configurationSet), Destination: destination(mail), Content: content, EmailTags: tags(mail) }
}

/** What is the same in all mails of one bulk call; undefined for a mail that goes alone: SES takes only templates in bulk. */
export const groupOf = (mail: Mail): string | undefined =>
  mail.template === undefined || mail.attachments.length > 0 ? undefined : JSON.stringify([sender(mail, undefined), mail.template])

/** Body of `POST /v2/email/outbound-bulk-emails`. @param mails Of one group, at least one. */
export const bulkRequest = (mails: readonly [Mail, ...Mail[]], configurationSet: string | undefined): Json => ({
  ...sender(mails[0], configurationSet),
  DefaultContent: { Template: { TemplateName: mails[0].template ?? '', TemplateData: '{}' } },
  BulkEmailEntries: mails.map((mail) => ({
    Destination: destination(mail),
    ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: JSON.stringify(mail.data) } },
    ReplacementHeaders: headers(mail),
    ReplacementTags: tags(mail),
  })),
})
