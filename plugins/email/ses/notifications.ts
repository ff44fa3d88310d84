import { WebhookRejected } from '../../../gateway/plugin.ts'
import type { Json, WebhookEvent } from '../../../gateway/plugin.ts'
import { fieldsOf, listOf, mailEvent, textOf } from '../events.ts'
import type { Fields, MailEvent } from '../events.ts'
import { keyHeader } from '../mail.ts'
import { keyTag } from './request.ts'

/** What SNS has carried. */
export interface Notification {
  readonly id: string
  readonly message: string
  readonly atMs: number
}

interface About {
  readonly type: MailEvent['type']
  readonly recipients: readonly { readonly email: Json | undefined; readonly reason: Json | undefined }[]
  readonly timestamp: Json | undefined
}

/**
 * Notifications of an identity, and events of a configuration set, which differ in one name; one event for each recipient.
 * Source: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
 */
export function readNotification({ id, message, atMs }: Notification): WebhookEvent[] {
  const content = parsed(message)
  const about = aboutOf(textOf(content['notificationType']) ?? textOf(content['eventType']) ?? '', content)
  const mail = fieldsOf(content['mail'])
  const messageId = textOf(mail['messageId'])
  if (about === undefined || messageId === undefined) return []
  const happenedAtMs = Date.parse(textOf(about.timestamp) ?? '')
  return about.recipients.flatMap(({ email, reason }, position) => {
    const address = textOf(email)
    const happened = { type: about.type, atMs: Number.isNaN(happenedAtMs) ? atMs : happenedAtMs, messageId, key: keyOf(mail) }
    return address === undefined ? [] : [mailEvent({ ...happened, id: `${id}:${position}`, email: address, reason: textOf(reason) })]
  })
}

/** SES gives up at once on these, because of who gets the mail or of what is in it. */
const refusals = new Set(['Suppressed', 'OnAccountSuppressionList', 'ContentRejected', 'AttachmentRejected'])

function aboutOf(type: string, content: Fields): About | undefined {
  switch (type) {
    case 'Bounce': {
      const bounce = fieldsOf(content['bounce'])
      const recipients = listOf(bounce['bouncedRecipients'])
        .map(fieldsOf)
        .map(({ emailAddress, diagnosticCode }) => ({ email: emailAddress, reason: diagnosticCode ?? bounce['bounceSubType'] }))
      const blocked = refusals.has(textOf(bounce['bounceSubType']) ?? '')
      return { type: blocked ? 'EmailBlocked' : 'EmailBounced', recipients, timestamp: bounce['timestamp'] }
    }
    case 'Complaint': {
      const complaint = fieldsOf(content['complaint'])
      const recipients = listOf(complaint['complainedRecipients'])
        .map(fieldsOf)
        .map(({ emailAddress }) => ({ email: emailAddress, reason: complaint['complaintFeedbackType'] }))
      return { type: 'EmailComplained', recipients, timestamp: complaint['timestamp'] }
    }
    case 'Delivery': {
      const delivery = fieldsOf(content['delivery'])
      const recipients = listOf(delivery['recipients']).map((email) => ({ email, reason: delivery['smtpResponse'] }))
      return { type: 'EmailDelivered', recipients, timestamp: delivery['timestamp'] }
    }
    case 'Reject': {
      const mail = fieldsOf(content['mail'])
      const recipients = listOf(mail['destination']).map((email) => ({ email, reason: fieldsOf(content['reject'])['reason'] }))
      return { type: 'EmailBlocked', recipients, timestamp: mail['timestamp'] }
    }
    default:
      return undefined
  }
}

/** The header has the key as it is, but comes only where SES is told to include headers; the tag comes with events. */
function keyOf(mail: Fields): string | undefined {
  const header = listOf(mail['headers'])
    .map(fieldsOf)
    .find(({ name }) => textOf(name)?.toLowerCase() === keyHeader.toLowerCase())
  return textOf(header?.['value']) ?? textOf(listOf(fieldsOf(mail['tags'])[keyTag])[0])
}

function parsed(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text) as Json)
  } catch {
    throw new WebhookRejected('the notification is no JSON')
  }
}
