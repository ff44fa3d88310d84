import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { adapter } from '../../plugins/email/ses/ses.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { startSns } from '../kit/stand-ins/ses-notifications.ts'
import type { Sns, SnsMessage } from '../kit/stand-ins/ses-notifications.ts'

const auth = { type: 'aws', access_key_id: 'AKIDEXAMPLE', secret_access_key: 'any', region: 'eu-central-1' } as const
const topic_arn = 'arn:aws:sns:eu-central-1:123456789012:mail'
const timestamp = new Date().toISOString()

let sns: Sns
let ses: AdapterUnderTest
let nowMs = Date.now()
beforeAll(async () => {
  sns = await startSns()
})
afterAll(() => sns.close())
beforeEach(async () => {
  nowMs = Date.now()
  const settings = { sns: { topic_arn, certificate_host: sns.host, certificate_ca: sns.ca } }
  ses = await adapterUnderTest(adapter, { baseUrl: 'http://127.0.0.1:9', auth, settings, now: () => nowMs })
  return () => ses.close()
})

const receive = (message: SnsMessage | string): Promise<unknown> => {
  const body = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))
  const call = { signal: new AbortController().signal }
  return ses.instance.webhook?.({ method: 'POST', url: '/', headers: {}, body }, call) ?? Promise.reject(new Error('no webhook'))
}
const notification = (content: object | string, more: SnsMessage = {}): SnsMessage => ({
  Type: 'Notification',
  MessageId: 'notification-1',
  TopicArn: topic_arn,
  Message: typeof content === 'string' ? content : JSON.stringify(content),
  Timestamp: timestamp,
  ...more,
})
const mail = { messageId: 'ses-1', destination: ['ada@example.com'], timestamp, tags: { headgate_key: ['hg_key'] } }
const delivered = { eventType: 'Delivery', mail, delivery: { timestamp, recipients: ['ada@example.com'], smtpResponse: '250 ok' } }

describe('notifications of SES', () => {
  const event = (type: string, reason: string, more: object = {}): object => ({
    id: 'notification-1:0',
    type,
    atMs: Date.parse(timestamp),
    subject: 'ada@example.com',
    data: { email: 'ada@example.com', reason, message_id: 'ses-1', key: 'hg_key', ...more },
  })
  const bounce = (bounceSubType: string, bounceType = 'Permanent'): object => ({
    eventType: 'Bounce',
    mail,
    bounce: {
      timestamp,
      bounceType,
      bounceSubType,
      bouncedRecipients: [{ emailAddress: 'ada@example.com', diagnosticCode: 'smtp; 550 5.1.1 ada@example.com' }],
    },
  })

  test.each([
    ['a bounce', bounce('General'), [event('EmailBounced', 'smtp; 550 5.1.1 (address)')]],
    ['a recipient on the suppression list', bounce('OnAccountSuppressionList'), [event('EmailBlocked', 'smtp; 550 5.1.1 (address)')]],
    ['content that was refused', bounce('ContentRejected', 'Transient'), [event('EmailBlocked', 'smtp; 550 5.1.1 (address)')]],
    ['a delivery', delivered, [event('EmailDelivered', '250 ok')]],
    [
      'a complaint',
      {
        eventType: 'Complaint',
        mail,
        complaint: { timestamp, complainedRecipients: [{ emailAddress: 'ada@example.com' }], complaintFeedbackType: 'abuse' },
      },
      [event('EmailComplained', 'abuse')],
    ],
    ['a rejected mail', { eventType: 'Reject', mail, reject: { reason: 'Bad content' } }, [event('EmailBlocked', 'Bad content')]],
    ['something else', { eventType: 'Open', mail }, []],
    ['the greeting', { notificationType: 'AmazonSnsSubscriptionSucceeded' }, []],
  ])('tell of %s', async (_what, content, events) => {
    expect(await receive(sns.signed(notification(content)))).toEqual(events)
  })

  test('of an identity name the key by the header, one event for each recipient', async () => {
    const headers = [{ name: 'x-headgate-key', value: 'from header' }]
    const recipients = ['ada@example.com', 'bob@example.com']
    const content = { notificationType: 'Delivery', mail: { messageId: 'ses-1', headers }, delivery: { timestamp, recipients } }
    const expected = recipients.map((email, index) => ({
      id: `notification-1:${index}`,
      data: { email, reason: '', message_id: 'ses-1', key: 'from header' },
    }))
    expect(await receive(sns.signed(notification(content)))).toMatchObject(expected)
  })

  test('are believed with either version of the signature and with a subject; the certificate is fetched once', async () => {
    const before = sns.asked.length
    for (const message of [sns.signed(notification(delivered), '1'), sns.signed(notification(delivered, { Subject: 'Mail' }), '2')]) {
      expect(await receive(message)).toHaveLength(1)
    }
    expect(sns.asked.slice(before)).toEqual(['/SimpleNotificationService-a1b2.pem'])
  })

  test.each<[string, () => SnsMessage | string]>([
    ['was altered', () => ({ ...sns.signed(notification(delivered)), Message: '{}' })],
    ['got a subject', () => ({ ...sns.signed(notification(delivered)), Subject: 'other' })],
    ['is of another topic', () => sns.signed(notification(delivered, { TopicArn: `${topic_arn}2` }))],
    ['is more than an hour old', () => sns.signed(notification(delivered, { Timestamp: new Date(Date.now() - 3_660_000).toISOString() }))],
    ['comes from the future', () => sns.signed(notification(delivered, { Timestamp: new Date(Date.now() + 360_000).toISOString() }))],
    ['has no time', () => sns.signed(notification(delivered, { Timestamp: 'now' }))],
    ['has a signature of an unknown version', () => ({ ...sns.signed(notification(delivered)), SignatureVersion: '3' })],
    ['is of an unknown type', () => sns.signed(notification(delivered, { Type: 'Other' }))],
    ['is signed, but is no JSON inside', () => sns.signed(notification('no JSON'))],
    ['is no JSON', () => 'no JSON'],
  ])('are refused when the message %s', async (_what, message) => {
    await expect(receive(message())).rejects.toMatchObject({ name: 'WebhookRejected' })
  })

  test.each([
    ['another host', () => 'https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-a1b2.pem'],
    ['plain HTTP', () => sns.certificateUrl.replace('https:', 'http:')],
    ['a user in front of the host', () => sns.certificateUrl.replace('https://', 'https://sns@')],
    ['another file', () => sns.certificateUrl.replace('SimpleNotificationService-a1b2', 'upload/mine')],
    ['a query', () => `${sns.certificateUrl}?x=1`],
    ['nothing that is an address', () => 'certificate'],
  ])('are refused without a request when the certificate is at %s', async (_what, url) => {
    const before = sns.asked.length
    await expect(receive(sns.signed(notification(delivered, { SigningCertURL: url() })))).rejects.toMatchObject({ name: 'WebhookRejected' })
    expect(sns.asked.slice(before)).toEqual([])
  })

  test('are refused when the certificate is not valid any more', async () => {
    nowMs += 3 * 86_400_000
    const later = { Timestamp: new Date(nowMs).toISOString() }
    await expect(receive(sns.signed(notification(delivered, later)))).rejects.toThrow('the certificate is not valid now')
  })

  test('wait for a certificate that cannot be had: the sender comes again', async () => {
    const away = sns.certificateUrl.replace('a1b2', 'ffff')
    await expect(receive(sns.signed(notification(delivered, { SigningCertURL: away })))).rejects.toMatchObject({ name: 'ProviderFailure' })
  })

  test('come from the host of the region when no other one is configured', async () => {
    const official = await adapterUnderTest(adapter, { baseUrl: 'http://127.0.0.1:9', auth, settings: { sns: { topic_arn } } })
    const request = { method: 'POST', url: '/', headers: {}, body: Buffer.from(JSON.stringify(sns.signed(notification(delivered)))) }
    await expect(official.instance.webhook?.(request, { signal: new AbortController().signal })).rejects.toThrow('an address that is not of SNS')
    await official.close()
  })
})

describe('the subscription', () => {
  const confirmation = (more: SnsMessage = {}): SnsMessage => ({
    Type: 'SubscriptionConfirmation',
    MessageId: 'confirmation-1',
    Token: 'token',
    TopicArn: topic_arn,
    Message: 'You have chosen to subscribe',
    SubscribeURL: `https://${sns.host}/?Action=ConfirmSubscription&TopicArn=${topic_arn}&Token=token`,
    Timestamp: timestamp,
    ...more,
  })
  const confirmations = (): number => sns.asked.filter((path) => path.includes('ConfirmSubscription')).length

  test('to the configured topic is confirmed', async () => {
    const before = confirmations()
    expect(await receive(sns.signed(confirmation()))).toEqual([])
    expect(confirmations()).toBe(before + 1)
    expect(ses.lines.map(({ message }) => message)).toEqual(['the subscription is confirmed: notifications will come'])
  })

  test.each<[string, () => SnsMessage]>([
    ['to another topic', () => sns.signed(confirmation({ TopicArn: `${topic_arn}2` }))],
    [
      'whose address is of another topic',
      () => sns.signed(confirmation({ SubscribeURL: `https://${sns.host}/?Action=ConfirmSubscription&TopicArn=other` })),
    ],
    [
      'whose address does something else',
      () => sns.signed(confirmation({ SubscribeURL: `https://${sns.host}/?Action=Publish&TopicArn=${topic_arn}` })),
    ],
    ['whose address is elsewhere', () => sns.signed(confirmation({ SubscribeURL: 'https://evil.example/?Action=ConfirmSubscription' }))],
    ['that was altered', () => ({ ...sns.signed(confirmation()), Token: 'other' })],
  ])('%s is not', async (_what, message) => {
    const before = confirmations()
    await expect(receive(message())).rejects.toMatchObject({ name: 'WebhookRejected' })
    expect(confirmations()).toBe(before)
  })
})
