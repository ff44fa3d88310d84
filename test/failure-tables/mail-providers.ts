import { startSendgrid } from '../kit/stand-ins/sendgrid.ts'
import { startSesProvider } from '../kit/stand-ins/ses.ts'
import type { EmailProvider } from '../kit/stand-ins/email-provider.ts'
import { startSmtp } from '../kit/smtp.ts'
import type { SmtpServer } from '../kit/smtp.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { TestUpstream } from '../kit/upstream.ts'
import { startDoor } from './provider-door.ts'
import type { ProviderDoor } from './provider-door.ts'

/** Everybody whom a gateway that sends mail talks to. */
export interface MailProviders {
  readonly sendgrid: EmailProvider
  /** In front of SendGrid. */
  readonly door: ProviderDoor
  readonly ses: EmailProvider
  readonly smtp: SmtpServer
  /** Where alerts arrive. */
  readonly admins: TestUpstream
  close(): Promise<void>
}

const apiKey = 'SG.of-the-tests'
const aws = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a-secret-of-the-tests', region: 'eu-central-1' }

export async function startMailProviders(): Promise<MailProviders> {
  const templates = { 'd-default': { name: 'Default', subject: 'News', html: '<p>News</p>' } }
  const sendgrid = await startSendgrid({ apiKey, templates })
  const [door, ses, smtp] = await Promise.all([startDoor(sendgrid.url), startSesProvider(aws), startSmtp()])
  const admins = await startUpstream((_request, response) => void response.writeHead(204).end())
  return {
    sendgrid,
    door,
    ses,
    smtp,
    admins,
    close: async () => void (await Promise.all([door.close(), sendgrid.close(), ses.close(), smtp.stop(), admins.close()])),
  }
}

interface MailSettings {
  /** Of SendGrid; the door by default. */
  readonly baseUrl?: string
  /** More keys of the integration `email`, each on a line of its own. */
  readonly more?: readonly string[]
  readonly send?: string
  readonly bulk?: string
  /** Of what a rate limit of the provider costs. */
  readonly delay?: string
  readonly fallback?: 'email_ses' | 'email_smtp'
  readonly queueTtl?: string
}

/** The email service of the design document: SendGrid with its failure modes, and two that can stand in for it. */
export const mailYaml = ({ door, ses, smtp, admins }: MailProviders, settings: MailSettings = {}): string => `
brokers: { default: { type: embedded } }
queues:
  email.send: { type: direct, durable: true, ttl: ${settings.queueTtl ?? '1h'}, dead_letter: true, purpose: Email delivery }
consumers:
  mailer: { queue: email.send, concurrency: 20, prefetch: 40, deliver_to: { integration: email.send } }
alerts:
  admins: { type: webhook, url: "${admins.url}/admins" }
integrations:
  email:
    plugin: sendgrid
    criticality: medium
    base_url: ${settings.baseUrl ?? door.url}/v3
    auth: { type: bearer, token: ${apiKey} }
    timeout: 400ms
    settings: { from: { email: shop@example.com } }
    ${settings.more?.join('\n    ') ?? 'retry: { backoff: linear, max_attempts: 5, base_delay: 1ms, max_delay: 20ms }'}
    operations:
      send: ${settings.send ?? '{ rate_limit: 100/s, priority: P0 }'}
      send_bulk: ${settings.bulk ?? '{ rate_limit: 1000/h, priority: P2, batch: { size: 500, max_wait: 100ms } }'}
    failure_modes:
      rate_limited: { when: rate_limited, then: back_off_and_queue, delay: ${settings.delay ?? '60s'}, tell: "It will be sent" }
      network_error: { when: network_error, then: fallback, to: ${settings.fallback ?? 'email_ses'} }
      invalid_email: { when: invalid_email, then: skip, tell: "No such address" }
      blocked_domain: { when: blocked_domain, then: notify, alert: admins, tell: "We may not write there" }
      template_error: { when: template_error, then: use_default_template, template: d-default }
  email_ses:
    plugin: ses
    base_url: ${ses.url}
    auth: { type: aws, access_key_id: ${aws.accessKeyId}, secret_access_key: ${aws.secretAccessKey}, region: ${aws.region} }
    settings: { from: { email: shop@example.com } }
  email_smtp:
    plugin: smtp
    auth: { type: none }
    settings: { host: 127.0.0.1, port: ${smtp.port}, security: none, from: { email: shop@example.com } }
routing_rules:
  - { path: /api/mails, methods: [POST], integration: email.send }
  - { path: /api/newsletters, methods: [POST], integration: email.send_bulk }
  - { path: /api/mails-by-ses, methods: [POST], integration: email_ses.send }
  - { path: /api/mails-by-smtp, methods: [POST], integration: email_smtp.send }
`
