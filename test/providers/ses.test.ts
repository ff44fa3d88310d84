import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { OperationCall } from '../../gateway/plugin.ts'
import { adapter } from '../../plugins/email/ses/ses.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { missing, skips } from '../kit/servers.ts'
import { sesSource, startSes } from '../kit/ses.ts'
import type { SesServer } from '../kit/ses.ts'
import { failureOf } from '../kit/stand-ins/email-failure.ts'
import type { EmailProvider } from '../kit/stand-ins/email-provider.ts'
import { sesError, startSesProvider } from '../kit/stand-ins/ses.ts'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG', region: 'eu-central-1' }
const auth = { type: 'aws', access_key_id: 'AKIDEXAMPLE', secret_access_key: '${secret:aws#key}', region: 'eu-central-1' } as const
const secrets = { 'aws#key': credentials.secretAccessKey }
const settings = { from: { email: 'shop@example.com', name: 'Shöp' } }
const mail = { to: ['ada@example.com'], subject: 'Hello', text: 'How are you?' }

const calls = (inputs: readonly object[]): OperationCall[] =>
  inputs.map((input, index) => ({ input: input as never, key: `hg_${index}`, attempt: 1, firstAttemptAtMs: 0, signal: new AbortController().signal }))
const bulk = async ({ instance }: AdapterUnderTest, inputs: readonly object[]): Promise<readonly unknown[]> =>
  (await instance.operations['send_bulk']?.runBatch?.(calls(inputs), new AbortController().signal)) ?? []

const source = await sesSource()

describe.skipIf(skips(source))(`aws-ses-v2-local${missing(source)}`, () => {
  let server: SesServer
  let ses: AdapterUnderTest
  beforeAll(async () => {
    server = await startSes()
    ses = await adapterUnderTest(adapter, { baseUrl: server.url, auth, secrets, settings })
    const template = { TemplateName: 'welcome', TemplateContent: { Subject: 'Welcome {{name}}', Html: '<p>{{name}}</p>' } }
    const headers = { 'content-type': 'application/json', authorization: 'AWS4-HMAC-SHA256 any' }
    await fetch(`${server.url}/v2/email/templates`, { method: 'POST', headers, body: JSON.stringify(template) })
  })
  afterAll(async () => {
    await ses.close()
    await server.stop()
  })
  const last = async (): Promise<unknown> => (await server.mails()).at(-1)

  test('takes a mail with everything in it', async () => {
    const input = {
      ...mail,
      to: [{ email: 'ada@example.com', name: 'Ada "A"' }],
      cc: ['carol@example.com'],
      bcc: ['dave@example.com'],
      reply_to: 'answers@example.com',
      html: '<p>How are you?</p>',
      headers: { 'X-Shop': 'yes' },
      attachments: [{ name: 'bill.txt', type: 'text/plain', content: 'SGVsbG8=' }],
      category: 'bills',
    }
    const { id } = (await ses.call('send', input, { key: 'hg_key' })) as { readonly id: string }
    expect(await last()).toMatchObject({
      messageId: id,
      from: '=?UTF-8?B?U2jDtnA=?= <shop@example.com>',
      destination: { to: ['"Ada \\"A\\"" <ada@example.com>'], cc: ['carol@example.com'], bcc: ['dave@example.com'] },
      replyTo: ['answers@example.com'],
      subject: 'Hello',
      body: { text: 'How are you?', html: '<p>How are you?</p>' },
      headers: [
        { name: 'X-Shop', value: 'yes' },
        { name: 'X-Headgate-Key', value: 'hg_key' },
      ],
      attachments: [{ filename: 'bill.txt', contentType: 'text/plain', size: 5 }],
    })
  })

  test('fills its templates, for one mail and for several', async () => {
    const templated = (name: string): object => ({ to: [`${name}@example.com`], template: 'welcome', data: { name } })
    await ses.call('send', templated('ada') as never)
    expect(await last()).toMatchObject({ subject: 'Welcome ada', body: { html: '<p>ada</p>' } })
    const before = (await server.mails()).length
    const answers = await bulk(ses, [templated('bob'), templated('carol'), mail])
    const sent = (await server.mails()).slice(before)
    expect(sent.map(({ subject }) => subject)).toEqual(['Welcome bob', 'Welcome carol', 'Hello'])
    expect(answers).toEqual(sent.map(({ messageId }) => ({ id: messageId })))
  })

  test('gives a template, and says when there is none', async () => {
    expect(await ses.call('get_template', { id: 'welcome' })).toEqual({ id: 'welcome', subject: 'Welcome {{name}}', html: '<p>{{name}}</p>' })
    expect(await failureOf(ses.call('send', { to: mail.to, template: 'none' }))).toMatchObject({ kind: 'template_error', executed: 'no' })
  })
})

describe('SES', () => {
  let provider: EmailProvider
  let ses: AdapterUnderTest
  beforeEach(async () => {
    provider = await startSesProvider({ ...credentials, templates: ['welcome', 'Name with spaces'] })
    ses = await adapterUnderTest(adapter, { baseUrl: provider.url, auth, secrets, settings })
  })
  afterEach(async () => {
    await ses.close()
    await provider.close()
  })
  const send = (input: object = mail): Promise<unknown> => ses.call('send', input as never, { key: 'hg_key' })

  test('takes our signatures, of bodies and of paths that are encoded', async () => {
    expect(await send()).toEqual({ id: 'ses-1' })
    expect(await ses.call('get_template', { id: 'Name with spaces' })).toMatchObject({ id: 'Name with spaces' })
    await ses.instance.probe?.({ signal: new AbortController().signal })
  })

  test('refuses the signature of another secret', async () => {
    const wrong = await adapterUnderTest(adapter, { baseUrl: provider.url, auth, secrets: { 'aws#key': 'other' }, settings })
    const failure = await failureOf(wrong.call('send', mail))
    expect(failure).toMatchObject({ kind: 'unauthorized', executed: 'no', code: 'InvalidSignatureException' })
    expect(failure.message).not.toContain('other')
    await wrong.close()
  })

  test('gets the session token of temporary credentials', async () => {
    const temporary = await adapterUnderTest(adapter, { baseUrl: provider.url, auth: { ...auth, session_token: 'session' }, secrets, settings })
    await temporary.call('send', mail)
    expect(provider.requests().map(({ headers }) => headers['x-amz-security-token'])).toEqual(['session'])
    await temporary.close()
  })

  test('carries the key in a header and a tag, so that a mail that comes twice can be told', async () => {
    provider.script('lose_answer')
    expect(await failureOf(send())).toMatchObject({ kind: 'network_error', executed: 'unknown' })
    await send()
    expect(provider.countByKey()).toEqual(new Map([['hg_key', 2]]))
    const bodies = provider.requests().map(({ body }) => JSON.parse(body) as { readonly EmailTags: unknown })
    expect(bodies.map(({ EmailTags }) => EmailTags)).toEqual([1, 2].map(() => [{ Name: 'headgate_key', Value: 'hg_key' }]))
  })

  test('gets a digest of a key that does not fit into a tag, and the key itself in the header', async () => {
    await ses.call('send', mail, { key: 'a key/with+more' })
    expect(provider.countByKey()).toEqual(new Map([['a key/with+more', 1]]))
    expect(provider.requests()[0]?.body).toMatch(/"Name":"headgate_key","Value":"[0-9a-f]{64}"/)
  })

  const templated = { to: mail.to, template: 'welcome' }
  test.each([
    ['a wrong address', mail, 400, 'BadRequestException', 'Illegal address', 'invalid_email', 'no'],
    ['an address without a domain', mail, 400, 'BadRequestException', "Missing final '@domain'", 'invalid_email', 'no'],
    ['a domain that is none', mail, 400, 'BadRequestException', "Invalid domain name: 'x y'.", 'invalid_email', 'no'],
    ['another wrong request', mail, 400, 'BadRequestException', 'Invalid parameter', 'invalid_request', 'no'],
    ['a recipient on the suppression list', mail, 400, 'MessageRejected', 'Address is on the suppression list', 'blocked_domain', 'no'],
    ['a rejected mail', mail, 400, 'MessageRejected', 'Email address is not verified.', 'rejected', 'no'],
    ['a domain of ours that is not verified', mail, 400, 'MailFromDomainNotVerifiedException', 'no MX', 'rejected', 'no'],
    ['a suspended account', mail, 400, 'AccountSuspendedException', 'suspended', 'rejected', 'no'],
    ['a paused account', mail, 400, 'SendingPausedException', 'paused', 'service_down', 'no'],
    ['a template that there is not', templated, 404, 'NotFoundException', 'Template welcome does not exist', 'template_error', 'no'],
    ['a configuration set that there is not', templated, 404, 'NotFoundException', 'Configuration set x does not exist', 'not_found', 'no'],
    ['a template that cannot be filled', templated, 400, 'BadRequestException', 'Missing rendering attribute', 'template_error', 'no'],
    ['too many calls', mail, 429, 'TooManyRequestsException', 'slow down', 'rate_limited', 'no'],
    ['the daily limit', mail, 400, 'LimitExceededException', 'Daily message quota exceeded', 'rate_limited', 'no'],
    ['no rights', mail, 403, 'AccessDeniedException', 'not authorized', 'unauthorized', 'no'],
    ['a failure', mail, 500, 'InternalServiceErrorException', 'oops', 'provider_error', 'unknown'],
    ['no service', mail, 503, 'ServiceUnavailable', 'away', 'service_down', 'no'],
  ] as const)('tells %s', async (_what, input, status, name, message, kind, executed) => {
    provider.script(sesError(status, name, message))
    expect(await failureOf(send(input))).toMatchObject({ kind, executed, code: name, status })
    expect(provider.mails()).toEqual([])
  })

  test('tells a provider that refuses connections from one that may have taken the mail', async () => {
    await provider.down()
    expect(await failureOf(send())).toMatchObject({ kind: 'network_error', executed: 'no' })
    await provider.up()
    await send()
    expect(provider.mails()).toHaveLength(1)
  })

  test('sends templated mails 50 at a time, and knows which of them were refused', async () => {
    const inputs = Array.from({ length: 60 }, (_, index) => ({
      to: [`r${index}@${index === 3 ? 'invalid.' : ''}example.com`],
      template: 'welcome',
      data: { index },
    }))
    const answers = await bulk(ses, inputs)
    expect(provider.requests().map(({ path }) => path)).toEqual(['/v2/email/outbound-bulk-emails', '/v2/email/outbound-bulk-emails'])
    expect(answers).toHaveLength(60)
    expect(answers[3]).toMatchObject({ kind: 'invalid_email', executed: 'no', code: 'INVALID_PARAMETER' })
    expect(answers.filter((answer) => !(answer instanceof Error))).toHaveLength(59)
    expect(provider.mails().map(({ key, data }) => [key, data])).toEqual(
      inputs.flatMap(({ data }, index) => (index === 3 ? [] : [[`hg_${index}`, data]])),
    )
  })

  test('sends mails of a bulk that have no template one by one', async () => {
    expect(await bulk(ses, [mail, { ...mail, to: ['bob@example.com'] }])).toEqual([{ id: 'ses-1' }, { id: 'ses-2' }])
    expect(provider.requests().map(({ path }) => path)).toEqual(['/v2/email/outbound-emails', '/v2/email/outbound-emails'])
  })

  test('is not asked again for a template that it does not have', async () => {
    const input = { to: mail.to, template: 'none' }
    for (const attempt of [1, 2]) expect([attempt, (await failureOf(send(input))).kind]).toEqual([attempt, 'template_error'])
    expect(await bulk(ses, [input])).toMatchObject([{ kind: 'template_error', code: 'template_missing' }])
    expect(provider.requests()).toHaveLength(1)
  })
})
