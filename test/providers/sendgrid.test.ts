import { generateKeyPairSync, sign } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { OperationCall } from '../../gateway/plugin.ts'
import { adapter } from '../../plugins/email/sendgrid/sendgrid.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { prismSource, startPrism } from '../kit/prism.ts'
import type { PrismServer } from '../kit/prism.ts'
import { missing, skips } from '../kit/servers.ts'
import { sendgridSpecification } from '../kit/specifications.ts'
import { failureOf } from '../kit/stand-ins/email-failure.ts'
import type { EmailFault, EmailProvider } from '../kit/stand-ins/email-provider.ts'
import { startSendgrid } from '../kit/stand-ins/sendgrid.ts'

const auth = { type: 'bearer', token: '${secret:keys#sendgrid}' } as const
const secrets = { 'keys#sendgrid': 'SG.right' }
const from = { email: 'shop@example.com', name: 'Shop' }
const mail = { to: ['ada@example.com'], subject: 'Hello', text: 'How are you?' }
const welcome = 'd-welcome'
const templates = { [welcome]: { name: 'Welcome', subject: 'Welcome', html: '<p>{{name}}</p>' } }

const calls = (inputs: readonly object[], signal = new AbortController().signal): OperationCall[] =>
  inputs.map((input, index) => ({ input: input as never, key: `hg_${index}`, attempt: 1, firstAttemptAtMs: 0, signal }))

const source = await prismSource(sendgridSpecification)

describe.skipIf(skips(source))(`SendGrid's own specification${missing(source)}`, () => {
  let server: PrismServer
  let sendgrid: AdapterUnderTest
  beforeAll(async () => {
    server = await startPrism({ specifications: [{ file: await sendgridSpecification(), basePath: '/v3' }] })
    sendgrid = await adapterUnderTest(adapter, { baseUrl: `${server.url}/v3`, auth, secrets, settings: { from } })
  })
  afterAll(async () => {
    await sendgrid.close()
    await server.stop()
  })

  test('finds nothing wrong with mails of every kind, a bulk, templates and the probe', async () => {
    const everything = {
      from: { email: 'billing@example.com', name: 'Billing' },
      to: [{ email: 'ada@example.com', name: 'Ada' }, 'bob@example.com'],
      cc: ['carol@example.com'],
      bcc: ['dave@example.com'],
      reply_to: 'answers@example.com',
      subject: 'Bill',
      text: 'Text',
      html: '<p>Text</p>',
      headers: { 'X-Shop': 'yes' },
      attachments: [{ name: 'bill.txt', type: 'text/plain', content: 'SGVsbG8=' }],
      category: 'bills',
    }
    for (const input of [mail, everything, { to: mail.to, template: welcome, data: { name: 'Ada', list: [1, { deep: true }] } }]) {
      expect(await sendgrid.call('send', input, { key: 'hg_key' })).toEqual({ id: 'hg_key' })
    }
    const answers = await sendgrid.instance.operations['send_bulk']?.runBatch?.(calls([mail, everything, mail]), new AbortController().signal)
    expect(answers).toEqual([{ id: 'hg_0' }, { id: 'hg_1' }, { id: 'hg_2' }])
    await sendgrid.call('get_template', { id: '733ba07f-ead1-41fc-933a-3976baa23716' })
    await sendgrid.instance.probe?.({ signal: new AbortController().signal })
    expect(server.requests().map(({ request, status }) => `${request} ${status}`)).toEqual([
      ...Array.from({ length: 5 }, () => 'POST /v3/mail/send 202'),
      'GET /v3/templates/733ba07f-ead1-41fc-933a-3976baa23716 200',
      'GET /v3/scopes 200',
    ])
    expect(server.violations()).toEqual([])
  })
})

describe('SendGrid', () => {
  let provider: EmailProvider
  let sendgrid: AdapterUnderTest
  let clockMs = Date.parse('2026-11-22T12:00:00Z')
  beforeEach(async () => {
    provider = await startSendgrid({ apiKey: 'SG.right', templates })
    sendgrid = await adapterUnderTest(adapter, { baseUrl: `${provider.url}/v3`, auth, secrets, settings: { from }, now: () => clockMs })
  })
  afterEach(async () => {
    await sendgrid.close()
    await provider.close()
  })
  const send = (input: object = mail, key = 'hg_key'): Promise<unknown> => sendgrid.call('send', input as never, { key })
  const bulk = async (inputs: readonly object[]): Promise<readonly unknown[]> =>
    (await sendgrid.instance.operations['send_bulk']?.runBatch?.(calls(inputs), new AbortController().signal)) ?? []

  test('gives the id under which events come', async () => {
    expect(await send()).toEqual({ id: 'message-1' })
    expect(provider.mails()).toEqual([{ key: 'hg_key', to: ['ada@example.com'], subject: 'Hello', template: undefined, data: undefined }])
  })

  test('carries the key in a header and among the arguments of events, so that a mail that comes twice can be told', async () => {
    provider.script('lose_answer')
    expect(await failureOf(send())).toMatchObject({ kind: 'network_error', executed: 'unknown' })
    await send()
    expect(provider.countByKey()).toEqual(new Map([['hg_key', 2]]))
    const bodies = provider.requests().map(({ body }) => JSON.parse(body) as { readonly personalizations: readonly object[] })
    expect(bodies.map(({ personalizations }) => personalizations)).toEqual(
      [1, 2].map(() => [expect.objectContaining({ custom_args: { headgate_key: 'hg_key' }, headers: { 'X-Headgate-Key': 'hg_key' } }) as unknown]),
    )
  })

  const problem = (status: number, field: string | null, message: string): EmailFault => ({ status, body: { errors: [{ field, message }] } })
  test.each([
    [
      'a wrong recipient',
      problem(400, 'personalizations.0.to.0.email', 'Does not contain a valid address.'),
      'invalid_email',
      'no',
      'recipient_invalid',
    ],
    [
      'a blocked recipient',
      problem(400, 'personalizations.0.to', 'The recipient is on a suppression list (blocked)'),
      'blocked_domain',
      'no',
      'recipient_blocked',
    ],
    ['a blocked domain', problem(403, null, 'Sending to this domain is blocked'), 'blocked_domain', 'no', 'recipient_blocked'],
    ['a wrong template', problem(400, 'template_id', 'The template_id must be a valid GUID'), 'template_error', 'no', 'template_missing'],
    ['a template that cannot be filled', problem(400, 'personalizations.0.dynamic_template_data', 'wrong'), 'template_error', 'no', 'template_data'],
    ['another field', problem(400, 'from.email', 'The from email does not contain a valid address.'), 'invalid_request', 'no', 'from.email'],
    ['an unverified sender', problem(403, 'from', 'The from address does not match a verified Sender Identity.'), 'unauthorized', 'no', 'from'],
    ['a wrong key', problem(401, null, 'authorization required'), 'unauthorized', 'no', undefined],
    ['no credits', problem(401, null, 'Maximum credits exceeded'), 'rejected', 'no', 'credits_exceeded'],
    ['a mail that is too large', { status: 413, body: '<html>' } as const, 'invalid_request', 'no', 'too_large'],
    ['too many calls', problem(429, null, 'too many requests'), 'rate_limited', 'no', undefined],
    ['a failure', problem(500, null, 'oops'), 'provider_error', 'unknown', undefined],
    ['no service', { status: 503, body: 'away' } as const, 'service_down', 'no', undefined],
    ['a lost request', 'lose_request', 'network_error', 'unknown', undefined],
  ] as const)('tells %s', async (_what, fault, kind, executed, code) => {
    provider.script(fault)
    const failure = await failureOf(send())
    expect(failure).toMatchObject({ kind, executed, code })
    expect(provider.mails()).toEqual([])
  })

  test('tells a provider that refuses connections from one that may have taken the mail', async () => {
    await provider.down()
    expect(await failureOf(send())).toMatchObject({ kind: 'network_error', executed: 'no' })
    await provider.up()
    await send()
    expect(provider.mails()).toHaveLength(1)
  })

  test('stops waiting when the attempt is over, without knowing the outcome', async () => {
    provider.script('hang')
    const attempt = new AbortController()
    const failing = failureOf(sendgrid.call('send', mail, { signal: attempt.signal }))
    await expect.poll(() => provider.requests().length).toBe(1)
    attempt.abort()
    expect(await failing).toMatchObject({ kind: 'timeout', executed: 'unknown' })
  })

  test.each([
    [{ 'x-ratelimit-reset': String(Date.parse('2026-11-22T12:00:42Z') / 1000) }, 42_000],
    [{ 'x-ratelimit-reset': '1' }, 0],
    [{ 'retry-after': '7' }, 7000],
  ])('reads how long to wait from %o', async (headers, retryAfterMs) => {
    provider.script({ status: 429, headers, body: {} })
    expect(await failureOf(send())).toMatchObject({ kind: 'rate_limited', retryAfterMs })
  })

  test('names neither addresses nor the key of the account in messages', async () => {
    provider.script({ status: 400, body: { errors: [{ field: 'x', message: 'bad <ada@example.com>\r\nfor SG' }] } })
    expect((await failureOf(send())).message).toBe('SendGrid answered 400 at x: bad <(address)> for SG')
  })

  test('sends nothing for a recipient that is no address', async () => {
    expect(await failureOf(send({ ...mail, cc: ['nobody'] }))).toMatchObject({
      kind: 'invalid_email',
      executed: 'no',
      message: 'cc[0] is no mail address',
    })
    expect(provider.requests()).toEqual([])
  })

  describe('in bulk', () => {
    test('sends mails with the same text as one call, each with its own subject, key and data', async () => {
      const templated = (name: string): object => ({ to: [`${name}@example.com`], template: welcome, data: { name } })
      const answers = await bulk([
        mail,
        templated('ada'),
        { ...mail, to: ['bob@example.com'], subject: 'Hello Bob' },
        templated('bob'),
        { ...mail, text: 'Other' },
      ])
      expect(answers).toEqual([{ id: 'message-1' }, { id: 'message-2' }, { id: 'message-1' }, { id: 'message-2' }, { id: 'message-3' }])
      expect(provider.requests()).toHaveLength(3)
      expect(provider.mails().map(({ key, to, subject, data }) => [key, to.join(), subject, data])).toEqual([
        ['hg_0', 'ada@example.com', 'Hello', undefined],
        ['hg_2', 'bob@example.com', 'Hello Bob', undefined],
        ['hg_1', 'ada@example.com', 'Welcome', { name: 'ada' }],
        ['hg_3', 'bob@example.com', 'Welcome', { name: 'bob' }],
        ['hg_4', 'ada@example.com', 'Hello', undefined],
      ])
    })

    test('leaves out the recipient that SendGrid refuses, and sends the others once', async () => {
      const answers = await bulk([mail, { ...mail, to: ['eve@invalid.example.com'] }, mail, { ...mail, to: ['no address'] }])
      expect(answers).toMatchObject([{ id: 'message-1' }, { kind: 'invalid_email', executed: 'no' }, { id: 'message-1' }, { kind: 'invalid_email' }])
      expect(provider.countByKey()).toEqual(
        new Map([
          ['hg_0', 1],
          ['hg_2', 1],
        ]),
      )
    })

    test('ends when SendGrid refuses a mail that was not in the call', async () => {
      provider.script(problem(400, 'personalizations.7.to.0.email', 'Does not contain a valid address.'))
      expect(await bulk([mail, mail])).toMatchObject([{ kind: 'invalid_email' }, { kind: 'invalid_email' }])
      expect(provider.requests()).toHaveLength(1)
    })

    test('tells of each mail whose call was lost that its outcome is unknown', async () => {
      provider.script('lose_answer')
      expect(await bulk([mail, mail, { ...mail, text: 'Other' }])).toMatchObject([
        { executed: 'unknown' },
        { executed: 'unknown' },
        { id: 'message-2' },
      ])
    })

    test('puts at most 1000 recipients into one call', async () => {
      const many = Array.from({ length: 30 }, () => ({ ...mail, to: Array.from({ length: 40 }, (_, index) => `r${index}@example.com`) }))
      expect(await bulk(many)).toEqual([
        ...Array.from({ length: 25 }, () => ({ id: 'message-1' })),
        ...Array.from({ length: 5 }, () => ({ id: 'message-2' })),
      ])
    })
  })

  describe('templates', () => {
    const read = (): Promise<unknown> => sendgrid.call('get_template', { id: welcome })
    const content = { id: welcome, name: 'Welcome', subject: 'Welcome', text: 'plain', html: '<p>{{name}}</p>' }

    test('are asked for once an hour', async () => {
      expect(await read()).toEqual(content)
      clockMs += 3_599_000
      expect(await read()).toEqual(content)
      expect(provider.requests()).toHaveLength(1)
      clockMs += 1000
      expect(await read()).toEqual(content)
      expect(provider.requests()).toHaveLength(2)
    })

    test('come from the old copy while SendGrid is away, which says so', async () => {
      await read()
      clockMs += 7_200_000
      await provider.down()
      expect(await read()).toEqual({ ...content, stale: true })
    })

    test('that do not exist are refused without a call for a minute', async () => {
      const input = { to: mail.to, template: 'd-missing' }
      expect(await failureOf(send(input))).toMatchObject({ kind: 'template_error', code: 'template_missing', executed: 'no' })
      expect(await failureOf(send(input))).toMatchObject({ kind: 'template_error', code: 'template_missing', executed: 'no' })
      expect(await bulk([input])).toMatchObject([{ kind: 'template_error' }])
      expect(provider.requests()).toHaveLength(1)
      clockMs += 61_000
      await failureOf(send(input))
      expect(provider.requests()).toHaveLength(2)
    })

    test('that were asked for and do not exist are a template_error', async () => {
      expect(await failureOf(sendgrid.call('get_template', { id: 'd-missing' }))).toMatchObject({ kind: 'template_error', executed: 'no' })
    })
  })
})

describe("SendGrid's events", () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const public_key = publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
  const nowMs = Date.parse('2026-11-22T12:00:00Z')
  let sendgrid: AdapterUnderTest
  beforeAll(async () => {
    sendgrid = await adapterUnderTest(adapter, {
      baseUrl: 'http://127.0.0.1:9/v3',
      auth,
      secrets,
      settings: { webhook: { public_key } },
      now: () => nowMs,
    })
  })
  afterAll(() => sendgrid.close())

  const event = (more: object): object => ({
    email: 'ada@example.com',
    timestamp: nowMs / 1000 - 5,
    sg_event_id: 'event-1',
    sg_message_id: 'message-1.recvd-5645d9c87f-78xgh-1-5F8-1.0',
    headgate_key: 'hg_key',
    ...more,
  })
  const receive = (body: string, { timestamp = String(nowMs / 1000), signed = body, key = privateKey } = {}): Promise<unknown> => {
    const signature = sign('sha256', Buffer.from(timestamp + signed), { key, dsaEncoding: 'der' }).toString('base64')
    const headers = { 'x-twilio-email-event-webhook-signature': signature, 'x-twilio-email-event-webhook-timestamp': timestamp }
    const request = { method: 'POST', url: '/', headers, body: Buffer.from(body) }
    return sendgrid.instance.webhook?.(request, { signal: new AbortController().signal }) ?? Promise.reject(new Error('no webhook'))
  }

  test('become the common ones, with the id and the key of the mail; what nobody knows is left out', async () => {
    const events = [
      event({ event: 'bounce', type: 'bounce', reason: '550 5.1.1 <ada@example.com> unknown' }),
      event({ event: 'bounce', type: 'blocked', reason: 'policy', sg_event_id: 'event-2' }),
      event({ event: 'dropped', reason: 'Bounced Address', sg_event_id: 'event-3' }),
      event({ event: 'delivered', response: '250 OK', sg_event_id: 'event-4', headgate_key: undefined }),
      event({ event: 'spamreport', sg_event_id: 'event-5' }),
      event({ event: 'open' }),
      event({ event: 'processed' }),
      'no event',
    ]
    const about = (reason: string, key: object = { key: 'hg_key' }): object => ({ email: 'ada@example.com', reason, message_id: 'message-1', ...key })
    const common = { atMs: nowMs - 5000, subject: 'ada@example.com' }
    expect(await receive(JSON.stringify(events))).toEqual([
      { ...common, id: 'event-1', type: 'EmailBounced', data: about('550 5.1.1 <(address)> unknown') },
      { ...common, id: 'event-2', type: 'EmailBlocked', data: about('policy') },
      { ...common, id: 'event-3', type: 'EmailBlocked', data: about('Bounced Address') },
      { ...common, id: 'event-4', type: 'EmailDelivered', data: about('250 OK', {}) },
      { ...common, id: 'event-5', type: 'EmailComplained', data: about('') },
    ])
  })

  const body = JSON.stringify([event({ event: 'delivered' })])
  test.each([
    ['whose body was altered', body.replace('ada', 'eve'), { signed: body }],
    ['that is eleven minutes old', body, { timestamp: String(nowMs / 1000 - 660) }],
    ['that comes from the future', body, { timestamp: String(nowMs / 1000 + 360) }],
    ['that is signed with another key', body, { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }],
    ['without a time', body, { timestamp: 'now' }],
    ['that is no list', '{}', {}],
    ['that is no JSON', '[', {}],
  ])('are refused in a request %s', async (_what, sent, how) => {
    await expect(receive(sent, how)).rejects.toMatchObject({ name: 'WebhookRejected' })
  })

  test('are refused without a signature', async () => {
    const request = { method: 'POST', url: '/', headers: {}, body: Buffer.from(body) }
    await expect(sendgrid.instance.webhook?.(request, { signal: new AbortController().signal })).rejects.toMatchObject({ name: 'WebhookRejected' })
  })

  test('need a key that is one', async () => {
    const settings = { webhook: { public_key: 'bm8ga2V5' } }
    await expect(adapterUnderTest(adapter, { baseUrl: 'http://127.0.0.1:9', auth, secrets, settings })).rejects.toThrow('no ECDSA key on P-256')
  })
})
