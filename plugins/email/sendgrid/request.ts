import type { Json } from '../../../gateway/plugin.ts'
import type { Address } from '../addresses.ts'
import { keyHeader } from '../mail.ts'
import type { Mail } from '../mail.ts'

/** Name among the `custom_args`, which come back with every event. */
export const keyArgument = 'headgate_key'

const person = ({ email, name }: Address): Json => (name === undefined ? { email } : { email, name })

/** What is the same in all mails of one call; the rest is in `personalizations`. Undefined for a mail that goes alone. */
export const groupOf = ({ from, replyTo, text, html, template, attachments, category }: Mail): string | undefined =>
  attachments.length > 0 ? undefined : JSON.stringify([person(from), replyTo ?? null, text, html, template, category])

/** Body of `POST /v3/mail/send`. @param mails Of one group, at least one. */
export function sendRequest(mails: readonly [Mail, ...Mail[]], sandbox: boolean): Json {
  const [{ from, replyTo, text, html, template, attachments, category, subject }] = mails
  const content = [
    { type: 'text/plain', value: text },
    { type: 'text/html', value: html },
  ].filter((part): part is { type: string; value: string } => part.value !== undefined)
  return {
    personalizations: mails.map(personalization),
    from: person(from),
    ...(replyTo === undefined ? {} : { reply_to: person(replyTo) }),
    // SendGrid's specification demands both of mails with a template too, whose own take their place.
    subject: subject ?? ' ',
    content: content.length > 0 ? content : [{ type: 'text/html', value: ' ' }],
    ...(template === undefined ? {} : { template_id: template }),
    ...(category === undefined ? {} : { categories: [category] }),
    ...(sandbox ? { mail_settings: { sandbox_mode: { enable: true } } } : {}),
    ...(attachments.length === 0
      ? {}
      : { attachments: attachments.map(({ name, type, content: bytes }) => ({ filename: name, type, content: bytes, disposition: 'attachment' })) }),
  }
}

const personalization = ({ to, cc, bcc, subject, headers, data, template, key }: Mail): Json => ({
  to: to.map(person),
  ...(cc.length === 0 ? {} : { cc: cc.map(person) }),
  ...(bcc.length === 0 ? {} : { bcc: bcc.map(person) }),
  ...(subject === undefined ? {} : { subject }),
  headers: { ...headers, [keyHeader]: key },
  custom_args: { [keyArgument]: key },
  ...(template === undefined ? {} : { dynamic_template_data: data }),
})
