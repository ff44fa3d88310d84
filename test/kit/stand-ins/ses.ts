import { createHash, createHmac } from 'node:crypto'
import { startEmailProvider } from './email-provider.ts'
import type { EmailProvider, ProviderReply, ProviderRequest, TakenMail } from './email-provider.ts'

export interface SesCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

interface Destination {
  readonly ToAddresses: readonly string[]
  readonly CcAddresses?: readonly string[]
  readonly BccAddresses?: readonly string[]
}

interface Header {
  readonly Name: string
  readonly Value: string
}

interface SendRequest {
  readonly Destination: Destination
  readonly Content: {
    readonly Simple?: { readonly Subject: { readonly Data: string }; readonly Headers: readonly Header[] }
    readonly Template?: { readonly TemplateName: string; readonly TemplateData: string; readonly Headers: readonly Header[] }
  }
}

interface BulkRequest {
  readonly DefaultContent: { readonly Template: { readonly TemplateName: string } }
  readonly BulkEmailEntries: readonly {
    readonly Destination: Destination
    readonly ReplacementEmailContent: { readonly ReplacementTemplate: { readonly ReplacementTemplateData: string } }
    readonly ReplacementHeaders: readonly Header[]
  }[]
}

export interface SesOptions extends SesCredentials {
  /** Names. */
  readonly templates?: readonly string[]
}

/** An error as SES gives it: its name stands in a header. */
export const sesError = (status: number, name: string, message: string): ProviderReply => ({
  status,
  headers: { 'x-amzn-errortype': `${name}:http://internal.amazon.com/` },
  body: { message },
})

const everybody = ({ ToAddresses, CcAddresses = [], BccAddresses = [] }: Destination): string[] => [...ToAddresses, ...CcAddresses, ...BccAddresses]
const keyOf = (headers: readonly Header[]): string => headers.find(({ Name }) => Name === 'X-Headgate-Key')?.Value ?? ''

/** Amazon SES as far as mails go: it computes the signature itself, and a repetition is another mail. */
export function startSesProvider({ templates = [], ...credentials }: SesOptions): Promise<EmailProvider> {
  let taken = 0
  const nextId = (): string => `ses-${(taken += 1)}`
  const missing = (): ProviderReply => sesError(404, 'NotFoundException', 'Template does not exist')

  const send = ({ Destination, Content: { Simple, Template } }: SendRequest): ProviderReply => {
    if (Template !== undefined && !templates.includes(Template.TemplateName)) return missing()
    const mail: TakenMail = {
      key: keyOf((Simple ?? Template)?.Headers ?? []),
      to: everybody(Destination),
      subject: Simple?.Subject.Data ?? '',
      template: Template?.TemplateName,
      data: Template === undefined ? undefined : JSON.parse(Template.TemplateData),
    }
    return { status: 200, body: { MessageId: nextId() }, mails: [mail] }
  }

  const sendBulk = ({ DefaultContent, BulkEmailEntries }: BulkRequest): ProviderReply => {
    const template = DefaultContent.Template.TemplateName
    if (!templates.includes(template)) return missing()
    const mails: TakenMail[] = []
    const results = BulkEmailEntries.map((entry) => {
      const to = everybody(entry.Destination)
      if (to.some((address) => address.includes('@invalid.'))) return { Status: 'INVALID_PARAMETER', Error: 'Invalid domain name: that one' }
      const data: unknown = JSON.parse(entry.ReplacementEmailContent.ReplacementTemplate.ReplacementTemplateData)
      mails.push({ key: keyOf(entry.ReplacementHeaders), to, subject: '', template, data })
      return { Status: 'SUCCESS', MessageId: nextId() }
    })
    return { status: 200, body: { BulkEmailEntryResults: results }, mails }
  }

  const speak = (request: ProviderRequest): ProviderReply => {
    if (request.headers.authorization !== authorizationOf(request, request.headers.host ?? '', credentials)) {
      return sesError(403, 'InvalidSignatureException', 'The request signature we calculated does not match the signature you provided.')
    }
    const { method, path, body } = request
    if (method === 'POST' && path === '/v2/email/outbound-emails') return send(JSON.parse(body) as SendRequest)
    if (method === 'POST' && path === '/v2/email/outbound-bulk-emails') return sendBulk(JSON.parse(body) as BulkRequest)
    if (method === 'GET' && path === '/v2/email/account') return { status: 200, body: { SendingEnabled: true } }
    const name = decodeURIComponent(/^\/v2\/email\/templates\/([^/]+)$/.exec(path)?.[1] ?? '')
    if (!templates.includes(name)) return missing()
    return { status: 200, body: { TemplateName: name, TemplateContent: { Subject: 'Hello {{name}}', Html: '<p>{{name}}</p>' } } }
  }
  return startEmailProvider(speak)
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/**
 * What the header has to be, by the documented steps, for the headers that the request says are signed.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
function authorizationOf(
  { method, path, headers, body }: ProviderRequest,
  host: string,
  { accessKeyId, secretAccessKey, region }: SesCredentials,
): string {
  const signedHeaders = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1] ?? ''
  const names = signedHeaders.split(';')
  if (!names.includes('host') || !names.includes('x-amz-date')) return 'nothing that fits'
  const values = names.map((name) => `${name}:${name === 'host' ? host : String(headers[name])}\n`).join('')
  // Each part of a path is encoded once more.
  const canonicalPath = path.split('/').map(encodeURIComponent).join('/')
  const canonical = [method, canonicalPath, '', values, signedHeaders, sha256(body)].join('\n')
  const date = String(headers['x-amz-date'])
  const scope = `${date.slice(0, 8)}/${region}/ses/aws4_request`
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')
  const key = ['ses', 'aws4_request'].reduce((last, part) => hmac(last, part), hmac(hmac(`AWS4${secretAccessKey}`, date.slice(0, 8)), region))
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${hmac(key, text).toString('hex')}`
}
