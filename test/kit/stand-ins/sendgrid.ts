import { startEmailProvider } from './email-provider.ts'
import type { EmailProvider, ProviderReply, ProviderRequest, TakenMail } from './email-provider.ts'

interface Person {
  readonly email: string
}

interface Personalization {
  readonly to: readonly Person[]
  readonly cc?: readonly Person[]
  readonly bcc?: readonly Person[]
  readonly subject?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly dynamic_template_data?: unknown
}

interface SendRequest {
  readonly personalizations: readonly Personalization[]
  readonly subject?: string
  readonly template_id?: string
}

export interface SendgridOptions {
  readonly apiKey: string
  /** By id. */
  readonly templates?: Readonly<Record<string, { readonly name: string; readonly subject: string; readonly html: string }>>
}

const refused = (status: number, field: string | null, message: string): ProviderReply => ({ status, body: { errors: [{ field, message }] } })

/** SendGrid as far as mails go: a request is taken or refused as a whole, and a repetition is another mail. */
export function startSendgrid({ apiKey, templates = {} }: SendgridOptions): Promise<EmailProvider> {
  let taken = 0
  const send = ({ personalizations, subject, template_id: template }: SendRequest): ProviderReply => {
    if (template !== undefined && templates[template] === undefined) {
      return refused(400, 'template_id', `The template_id must be a valid template ID, you provided '${template}'.`)
    }
    const wrong = personalizations.flatMap(({ to, cc = [], bcc = [] }, index) =>
      Object.entries({ to, cc, bcc }).flatMap(([field, list]) =>
        list.flatMap(({ email }, position) => (email.includes('@invalid.') ? [`personalizations.${index}.${field}.${position}.email`] : [])),
      ),
    )
    if (wrong.length > 0) {
      const errors = wrong.map((field) => ({ field, message: 'Does not contain a valid address.', help: null }))
      return { status: 400, body: { errors } }
    }
    const mails: TakenMail[] = personalizations.map((one) => ({
      key: one.headers?.['X-Headgate-Key'] ?? '',
      to: [...one.to, ...(one.cc ?? []), ...(one.bcc ?? [])].map(({ email }) => email),
      subject: (template === undefined ? undefined : templates[template]?.subject) ?? one.subject ?? subject ?? '',
      template,
      data: one.dynamic_template_data,
    }))
    taken += 1
    return { status: 202, headers: { 'x-message-id': `message-${taken}` }, mails }
  }
  const speak = ({ method, path, headers, body }: ProviderRequest): ProviderReply => {
    if (headers.authorization !== `Bearer ${apiKey}`) return refused(401, null, 'The provided authorization grant is invalid, expired, or revoked')
    if (method === 'POST' && path === '/v3/mail/send') return send(JSON.parse(body) as SendRequest)
    if (method === 'GET' && path === '/v3/scopes') return { status: 200, body: { scopes: ['mail.send'] } }
    const id = decodeURIComponent(/^\/v3\/templates\/([^/]+)$/.exec(path)?.[1] ?? '')
    const template = templates[id]
    if (method !== 'GET' || template === undefined) return { status: 404, body: { error: 'not found' } }
    const versions = [{ active: 1, subject: template.subject, html_content: template.html, plain_content: 'plain' }]
    return { status: 200, body: { id, name: template.name, generation: 'dynamic', versions } }
  }
  return startEmailProvider(speak)
}
