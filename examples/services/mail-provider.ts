import { textOf } from './collection.ts'
import type { Api, Reply } from './json-server.ts'

interface Mail {
  /** The key of the gateway: a mail that was sent twice has the same one twice. */
  readonly key: string
  readonly to: string
  readonly subject: string
  readonly text: string
}

/** Kept in memory; the oldest are forgotten. */
const maxKept = 1000

/** Nobody there gets mails. */
const blocked = /@blocked\.example$/i

/**
 * Takes mails as SendGrid does (`POST /v3/mail/send`) and as Amazon SES does (`POST /v2/email/outbound-emails`), and delivers none: `GET /mails`
 * shows them. Like both, it knows no idempotency keys.
 */
export const mailProvider = (): Api => {
  const mails: Mail[] = []
  const taken = (mail: Mail): void => {
    mails.push(mail)
    if (mails.length > maxKept) mails.shift()
  }
  return (method, path, body, headers) => {
    if (method === 'GET' && path === '/mails') return { status: 200, body: mails }
    const speak = method === 'POST' ? languages[path] : undefined
    if (speak === undefined) return undefined
    if (!speak.proof.test(headers.authorization ?? '')) return { status: 401, body: speak.refusal('no credentials') }
    const mail = speak.mailIn(body)
    if (mail.to === '' || mail.subject === '') return { status: 400, body: speak.refusal('a recipient and a subject are needed') }
    if (blocked.test(mail.to)) return { status: 400, body: speak.refusal('the recipient is blocked') }
    taken(mail)
    return speak.taken(`mail-${mails.length}`)
  }
}

interface Language {
  readonly proof: RegExp
  mailIn(body: unknown): Mail
  taken(id: string): Reply
  refusal(message: string): unknown
}

/** What lies at `path` of a JSON value; undefined where there is nothing. */
const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((found, step) => (typeof found === 'object' && found !== null ? Reflect.get(found, step) : undefined), value)

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

const languages: Readonly<Record<string, Language>> = {
  '/v3/mail/send': {
    proof: /^Bearer \S+/,
    mailIn: (body) => {
      const one = at(body, 'personalizations', 0)
      return {
        key: textOf(at(one, 'headers'), 'X-Headgate-Key') ?? '',
        to: text(at(one, 'to', 0, 'email')),
        subject: text(at(one, 'subject')) || text(at(body, 'subject')),
        text: text(at(body, 'content', 0, 'value')),
      }
    },
    taken: () => ({ status: 202, body: '' }),
    refusal: (message) => ({ errors: [{ field: 'personalizations.0.to.0.email', message }] }),
  },
  '/v2/email/outbound-emails': {
    proof: /^AWS4-HMAC-SHA256 /,
    mailIn: (body) => {
      const simple = at(body, 'Content', 'Simple')
      const headers = at(simple, 'Headers')
      const key: unknown = Array.isArray(headers) ? headers.find((header) => at(header, 'Name') === 'X-Headgate-Key') : undefined
      return {
        key: text(at(key, 'Value')),
        to: text(at(body, 'Destination', 'ToAddresses', 0)),
        subject: text(at(simple, 'Subject', 'Data')),
        text: text(at(simple, 'Body', 'Text', 'Data')),
      }
    },
    taken: (id) => ({ status: 200, body: { MessageId: id } }),
    refusal: (message) => ({ message }),
  },
}
