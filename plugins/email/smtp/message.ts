import { createHash } from 'node:crypto'
import { domainToASCII } from 'node:url'
import MailComposer from 'nodemailer/lib/mail-composer'
import type { Address } from '../addresses.ts'
import { keyHeader, recipientsOf } from '../mail.ts'
import type { Mail } from '../mail.ts'
import type { Envelope } from './session.ts'

const shown = ({ email, name = '' }: Address): { name: string; address: string } => ({ name, address: email })

/** With the domain as DNS knows it; other letters before the `@` need a server that takes them (RFC 6531). */
function wireAddress({ email }: Address): string {
  const at = email.lastIndexOf('@')
  return `${email.slice(0, at)}@${domainToASCII(email.slice(at + 1))}`
}

export const envelopeOf = (mail: Mail): Envelope => ({ from: wireAddress(mail.from), to: recipientsOf(mail).map(wireAddress) })

/** The same for each repetition of the intent, so that whoever gets the mail twice can see that it is the same one. */
export function messageIdOf({ key, from }: Mail): string {
  const local = createHash('sha256').update(key).digest('hex').slice(0, 40)
  return `<${local}@${domainToASCII(from.email.slice(from.email.lastIndexOf('@') + 1)) || 'localhost'}>`
}

/** The whole mail as it goes over the wire (RFC 5322); `bcc` stands only in the envelope. */
export const messageOf = (mail: Mail, nowMs: number): Promise<Buffer> =>
  new MailComposer({
    from: shown(mail.from),
    to: mail.to.map(shown),
    cc: mail.cc.map(shown),
    ...(mail.replyTo === undefined ? {} : { replyTo: shown(mail.replyTo) }),
    subject: mail.subject ?? '',
    ...(mail.text === undefined ? {} : { text: mail.text }),
    ...(mail.html === undefined ? {} : { html: mail.html }),
    messageId: messageIdOf(mail),
    date: new Date(nowMs),
    headers: { ...mail.headers, ...(mail.category === undefined ? {} : { 'X-Category': mail.category }), [keyHeader]: mail.key },
    attachments: mail.attachments.map(({ name, type, content }) => ({
      filename: name,
      contentType: type,
      contentDisposition: 'attachment' as const,
      content: Buffer.from(content, 'base64'),
    })),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build()
