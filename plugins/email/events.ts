import type { Json, WebhookDefinition, WebhookEvent } from '../../gateway/plugin.ts'
import { withoutAddresses } from './addresses.ts'

const data = {
  type: 'object',
  additionalProperties: false,
  required: ['email', 'reason', 'message_id'],
  description: 'What became of a mail, for one recipient.',
  properties: {
    email: { type: 'string', minLength: 1, description: 'The recipient.' },
    reason: { type: 'string', description: 'Why, in the words of the provider, without addresses; empty where it says nothing.' },
    message_id: { type: 'string', description: 'What `send` returned as `id`.' },
    key: { type: 'string', description: 'Of the intent that sent it.' },
  },
} as const

/** Published by every provider alike. */
export const mailEvents = {
  EmailBounced: { summary: 'The mail could not be delivered.', data },
  EmailBlocked: { summary: 'The provider or the receiving side refuses mails to this recipient.', data },
  EmailDelivered: { summary: 'The receiving server has taken the mail.', data },
  EmailComplained: { summary: 'The recipient has marked the mail as spam.', data },
} satisfies WebhookDefinition['events']

export interface MailEvent {
  readonly id: string
  readonly type: keyof typeof mailEvents
  readonly atMs: number
  readonly email: string
  readonly reason: string | undefined
  readonly messageId: string
  readonly key: string | undefined
}

export function mailEvent({ id, type, atMs, email, reason, messageId, key }: MailEvent): WebhookEvent {
  const about = { email, reason: withoutAddresses(reason ?? ''), message_id: messageId }
  return { id, type, atMs, subject: email, data: key === undefined ? about : { ...about, key } }
}

export type Fields = Readonly<Record<string, Json>>

export const fieldsOf = (value: Json | undefined): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}

export const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : [])

export const textOf = (value: Json | undefined): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
