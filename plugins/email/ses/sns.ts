import { verify, X509Certificate } from 'node:crypto'
import { get } from 'node:https'
import { ProviderFailure, WebhookRejected } from '../../../gateway/plugin.ts'
import type { AdapterContext, Json, WebhookRequest } from '../../../gateway/plugin.ts'
import { fieldsOf, textOf } from '../events.ts'
import type { Fields } from '../events.ts'
import { durationMs } from '../settings.ts'
import type { Notification } from './notifications.ts'

export const snsSetting = {
  type: 'object',
  additionalProperties: false,
  required: ['topic_arn'],
  description: 'The SNS topic that SES publishes to, with this gateway as its HTTPS subscriber.',
  properties: {
    topic_arn: {
      type: 'string',
      pattern: '^arn:aws[a-z-]*:sns:[a-z0-9-]{3,30}:\\d{12}:[A-Za-z0-9_.-]{1,256}$',
      description: 'The only topic that is believed, and whose subscription is confirmed.',
    },
    max_age: { type: 'string', format: 'headgate-duration', default: '1h', description: 'Older messages are refused.' },
    certificate_host: {
      type: 'string',
      pattern: '^[A-Za-z0-9.-]{1,253}(:\\d{1,5})?$',
      description:
        'For a private endpoint of SNS: the host that certificates and confirmations are taken from, by HTTPS, instead of `sns.REGION.amazonaws.com`.',
    },
    certificate_ca: { type: 'string', minLength: 1, description: 'PEM text of the authority of `certificate_host`, instead of the built-in ones.' },
  },
} as const

const skewMs = 300_000
const fetchMs = 5000
const maxPemBytes = 64 * 1024
const maxCertificates = 4

/** @returns The notification; undefined for a message that is only about the subscription. @throws {WebhookRejected} */
export type SnsMessages = (request: WebhookRequest, signal: AbortSignal) => Promise<Notification | undefined>

/**
 * Reads messages of SNS, and confirms the subscription of the configured topic.
 * Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
 */
export function snsMessages(settings: Fields, { now, log }: Pick<AdapterContext, 'now' | 'log'>): SnsMessages {
  const topic = textOf(settings['topic_arn']) ?? ''
  const maxAgeMs = durationMs(settings['max_age'])
  const [, partition = '', , region = ''] = topic.split(':')
  const host = textOf(settings['certificate_host']) ?? `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`
  const ca = textOf(settings['certificate_ca'])
  const certificates = new Map<string, X509Certificate>()

  const trusted = (address: string | undefined): URL => {
    const url = address !== undefined && URL.canParse(address) ? new URL(address) : undefined
    if (url?.protocol !== 'https:' || url.host !== host.toLowerCase() || url.username !== '')
      throw new WebhookRejected('an address that is not of SNS')
    return url
  }

  async function certificateAt(address: string | undefined, signal: AbortSignal): Promise<X509Certificate> {
    const url = trusted(address)
    if (!/^\/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem$/.test(url.pathname) || url.search !== '')
      throw new WebhookRejected('the address of the certificate is not one of SNS')
    const known = certificates.get(url.href)
    if (known !== undefined) return known
    const certificate = certificateOf(await fetched(url, ca, signal))
    certificates.set(url.href, certificate)
    const [oldest] = certificates.keys()
    if (certificates.size > maxCertificates && oldest !== undefined) certificates.delete(oldest)
    return certificate
  }

  async function check(message: Fields, signal: AbortSignal): Promise<void> {
    if (message['TopicArn'] !== topic) throw new WebhookRejected('another topic')
    const ageMs = now() - Date.parse(textOf(message['Timestamp']) ?? '')
    if (!(ageMs <= maxAgeMs && ageMs >= -skewMs)) throw new WebhookRejected('the timestamp is too old, or ahead of the clock')
    const algorithm = { '1': 'sha1', '2': 'sha256' }[textOf(message['SignatureVersion']) ?? '']
    if (algorithm === undefined) throw new WebhookRejected('an unknown version of the signature')
    const certificate = await certificateAt(textOf(message['SigningCertURL']), signal)
    if (!(certificate.validFromDate.getTime() <= now() && now() <= certificate.validToDate.getTime()))
      throw new WebhookRejected('the certificate is not valid now')
    const signature = Buffer.from(textOf(message['Signature']) ?? '', 'base64')
    if (!verify(algorithm, Buffer.from(signedText(message)), certificate.publicKey, signature))
      throw new WebhookRejected('the signature does not fit')
  }

  async function confirm(message: Fields, signal: AbortSignal): Promise<void> {
    const url = trusted(textOf(message['SubscribeURL']))
    const { searchParams } = url
    if (searchParams.get('Action') !== 'ConfirmSubscription' || searchParams.get('TopicArn') !== topic)
      throw new WebhookRejected('no confirmation of this topic')
    await fetched(url, ca, signal)
    log.info({ topic }, 'the subscription is confirmed: notifications will come')
  }

  return async ({ body }, signal) => {
    const message = messageIn(body)
    await check(message, signal)
    switch (message['Type']) {
      case 'Notification':
        return {
          id: textOf(message['MessageId']) ?? '',
          message: textOf(message['Message']) ?? '',
          atMs: Date.parse(textOf(message['Timestamp']) ?? ''),
        }
      case 'SubscriptionConfirmation':
        await confirm(message, signal)
        return undefined
      case 'UnsubscribeConfirmation':
        log.warn({ topic }, 'somebody has ended the subscription: no notifications will come')
        return undefined
      default:
        throw new WebhookRejected('an unknown type of message')
    }
  }
}

function signedText(message: Fields): string {
  const names = message['Type'] === 'Notification' ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] : confirmationNames
  const given = names.map((name) => ({ name, value: message[name] }))
  return given
    .map(({ name, value }) =>
      typeof value === 'string'
        ? `${name}
${value}
`
        : '',
    )
    .join('')
}

const confirmationNames = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']

function messageIn(body: Buffer): Fields {
  try {
    return fieldsOf(JSON.parse(body.toString()) as Json)
  } catch {
    throw new WebhookRejected('the body is no message of SNS')
  }
}

function certificateOf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new WebhookRejected('the certificate cannot be read')
  }
}

/** Over HTTPS, without redirects, bounded in time and size. */
const fetched = (url: URL, ca: string | undefined, signal: AbortSignal): Promise<string> =>
  new Promise((resolve, reject) => {
    const fail = (cause?: unknown): void =>
      reject(new ProviderFailure('network_error', 'SNS did not give what its message refers to', { executed: 'no', cause }))
    const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(fetchMs)]), ...(ca === undefined ? {} : { ca }) }
    const request = get(url, options, (response) => {
      const pieces: Buffer[] = []
      let bytes = 0
      response.on('data', (piece: Buffer) => {
        bytes += piece.length
        if (bytes > maxPemBytes) request.destroy(new Error('too large'))
        else pieces.push(piece)
      })
      response.once('error', fail)
      response.once('end', () => (response.statusCode === 200 ? resolve(Buffer.concat(pieces).toString()) : fail()))
    })
    request.once('error', fail)
  })
