import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Json, OperationCall } from '../../gateway/plugin.ts'
import { makeCertificates } from '../kit/certificates.ts'
import { startFaultProxy } from '../kit/fault-proxy.ts'
import type { SmtpOptions, SmtpServer } from '../kit/smtp.ts'
import { failureOf } from '../kit/stand-ins/email-failure.ts'
import { countedConnections, mail, sendBatch, smtpTests } from '../kit/stand-ins/smtp.ts'

const { server, under, afterwards } = smtpTests()
const refusing = (code: number, message: string): SmtpOptions => ({ refuse: () => ({ code, message }) })
const answering = (when: 'onMailFrom' | 'onData', responseCode: number, message: string): SmtpOptions => {
  const refusal = (): Error => Object.assign(new Error(message), { responseCode })
  const onData = (stream: NodeJS.ReadableStream, done: (error: Error) => void): void => void stream.resume().on('end', () => done(refusal()))
  return {
    settings:
      when === 'onMailFrom'
        ? { onMailFrom: (_address, _session, done) => done(refusal()) }
        : { onData: (stream, _session, done) => onData(stream, done) },
  }
}

describe('mails over SMTP', () => {
  test('arrive with everything in them; the blind copy stands only on the envelope', async () => {
    const to = await server()
    const smtp = await under(to.port, { from: { email: 'shop@example.com', name: 'Shop' } })
    const input = {
      to: [{ email: 'ada@bücher.example', name: 'Ada Lövelace' }],
      cc: ['carol@example.com'],
      bcc: ['dave@example.com'],
      reply_to: 'answers@example.com',
      subject: 'Grüße',
      text: '.\r\nA line that is only a dot\r\n.\r\n',
      html: '<p>Hello</p>',
      headers: { 'X-Shop': 'yes' },
      attachments: [{ name: 'bill.txt', type: 'text/plain', content: 'SGVsbG8=' }],
      category: 'bills',
    }
    const { id } = (await smtp.call('send', input, { key: 'hg_key' })) as { readonly id: string }
    const [taken] = to.mails()
    expect(taken).toMatchObject({ from: 'shop@example.com', to: ['ada@bücher.example', 'carol@example.com', 'dave@example.com'] })
    const text = taken?.text ?? ''
    const header = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1]?.trim()
    expect(header('From')).toBe('Shop <shop@example.com>')
    expect(header('Subject')).toBe('=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=')
    expect(header('Reply-To')).toBe('answers@example.com')
    expect(header('X-Shop')).toBe('yes')
    expect(header('X-Headgate-Key')).toBe('hg_key')
    expect(header('Message-ID')).toBe(id)
    expect(text).not.toContain('dave')
    expect(text).toContain('filename=bill.txt')
    expect(text).toContain('SGVsbG8=')
    expect(text).toMatch(/\r\n\.\r\nA line that is only a dot\r\n\.\r\n/)
  })

  test('have the same Message-ID each time the intent is tried, and another one for another intent', async () => {
    const to = await server({ loseAnswer: () => to.mails().length === 1 })
    const smtp = await under(to.port)
    expect(await failureOf(smtp.call('send', mail, { key: 'hg_one' }))).toMatchObject({ kind: 'network_error', executed: 'unknown' })
    await smtp.call('send', mail, { key: 'hg_one' })
    await smtp.call('send', mail, { key: 'hg_two' })
    const [first, again, other] = to.mails().map(({ text }) => /^Message-ID: (.*)$/im.exec(text)?.[1])
    expect(again).toBe(first)
    expect(other).not.toBe(first)
  })

  test.each([
    ['subject', { ...mail, subject: 'Hello\r\nBcc: eve@example.com' }],
    ['name', { ...mail, to: [{ email: 'ada@example.com', name: 'Ada\nBcc: eve@example.com' }] }],
    ['address', { ...mail, to: ['ada@example.com\r\nRCPT TO:<eve@example.com>'] }],
    ['header', { ...mail, headers: { 'X-A': 'a\r\nBcc: eve@example.com' } }],
    ['name of a header', { ...mail, headers: { 'X-A: b\r\nBcc': 'eve@example.com' } }],
    ['file name', { ...mail, attachments: [{ name: 'a\r\nBcc: eve', type: 'text/plain', content: 'SGVsbG8=' }] }],
    ['media type', { ...mail, attachments: [{ name: 'a', type: 'text/plain\r\nBcc: eve', content: 'SGVsbG8=' }] }],
    ['category', { ...mail, category: 'a\r\nBcc: eve' }],
  ])('cannot smuggle a header in through a line break in the %s', async (_what, input) => {
    const to = await server()
    const smtp = await under(to.port)
    await expect(smtp.call('send', input)).rejects.toThrow('input of send does not fit')
    // What the schema catches, the adapter catches too, or sends as data.
    const call: OperationCall = { input, key: 'hg_key', attempt: 1, firstAttemptAtMs: 0, signal: new AbortController().signal }
    await smtp.instance.operations['send']?.run(call).catch(() => undefined)
    expect(to.mails().flatMap((taken) => [...taken.to, ...(taken.text.split('\r\n\r\n')[0]?.match(/^bcc:/gim) ?? [])])).not.toContain(
      'eve@example.com',
    )
    expect(to.mails().flatMap(({ text }) => text.match(/^bcc:/gim) ?? [])).toEqual([])
  })

  test.each([{ 'Message-Id': '<a@b>' }, { BCC: 'eve@example.com' }, { 'Content-Type': 'text/html' }, { 'X-Headgate-Key': 'other' }])(
    'take no header that makes the mail: %o',
    async (headers) => {
      const smtp = await under((await server()).port)
      expect(await failureOf(smtp.call('send', { ...mail, headers }))).toMatchObject({
        kind: 'invalid_request',
        executed: 'no',
        code: 'header_reserved',
      })
    },
  )

  test('need a sender', async () => {
    const { from: _from, ...without } = mail
    const smtp = await under((await server()).port)
    expect(await failureOf(smtp.call('send', without))).toMatchObject({ kind: 'invalid_request', executed: 'no', code: 'from_missing' })
  })
})

describe('what the server says', () => {
  test.each([
    ['550 without more', refusing(550, 'no such mailbox'), 'invalid_email', '550'],
    ['550 5.1.1', refusing(550, '5.1.1 no such mailbox <ada@example.com>'), 'invalid_email', '5.1.1'],
    ['553', refusing(553, 'mailbox name not allowed'), 'invalid_email', '553'],
    ['550 5.7.1', refusing(550, '5.7.1 not welcome here'), 'blocked_domain', '5.7.1'],
    ['554', refusing(554, 'policy'), 'blocked_domain', '554'],
    ['552 5.2.2', refusing(552, '5.2.2 mailbox full'), 'rejected', '5.2.2'],
    ['550 5.1.8 about the sender', refusing(550, '5.1.8 bad sender'), 'invalid_request', '5.1.8'],
    ['450', refusing(450, 'busy'), 'rate_limited', '450'],
    ['451 4.7.1', refusing(451, '4.7.1 greylisted'), 'rate_limited', '4.7.1'],
    ['451', refusing(451, 'error in processing'), 'service_down', '451'],
    ['452', refusing(452, 'too many recipients'), 'rate_limited', '452'],
    ['421', refusing(421, 'closing'), 'service_down', '421'],
    ['553 to the sender', answering('onMailFrom', 553, '5.1.7 bad sender'), 'invalid_request', '5.1.7'],
    ['550 to the sender', answering('onMailFrom', 550, '5.7.1 not yours'), 'rejected', '5.7.1'],
    ['530 to the sender', answering('onMailFrom', 530, '5.7.0 log in first'), 'unauthorized', '5.7.0'],
    ['554 to the text', answering('onData', 554, '5.7.1 looks like spam'), 'blocked_domain', '5.7.1'],
    ['552 to the text', answering('onData', 552, '5.3.4 too big'), 'invalid_request', '5.3.4'],
    ['451 to the text', answering('onData', 451, '4.3.0 try later'), 'service_down', '4.3.0'],
  ] as const)('%s becomes a definite failure', async (_what, options, kind, code) => {
    const to = await server(options)
    const smtp = await under(to.port)
    const failure = await failureOf(smtp.call('send', mail))
    expect(failure).toMatchObject({ kind, code, executed: 'no' })
    expect(failure.message).not.toContain('ada@example.com')
    expect(to.mails()).toEqual([])
  })

  test('of some recipients only is told with the answer', async () => {
    const to = await server({ refuse: (address) => (address.startsWith('eve') ? { code: 550, message: '5.1.1 unknown' } : undefined) })
    const smtp = await under(to.port)
    expect(await smtp.call('send', { ...mail, to: ['ada@example.com', 'eve@example.com'] })).toMatchObject({ rejected: ['eve@example.com'] })
    expect(to.mails().map(({ to: taken }) => taken)).toEqual([['ada@example.com']])
  })

  test('leaves the connection fit for the next mail', async () => {
    const { connections, settings } = countedConnections()
    const to = await server({ refuse: (address) => (address.startsWith('eve') ? { code: 550, message: '5.1.1 unknown' } : undefined), settings })
    const smtp = await under(to.port)
    await smtp.call('send', mail)
    await failureOf(smtp.call('send', { ...mail, to: ['eve@example.com'] }))
    await smtp.call('send', mail)
    expect(to.mails()).toHaveLength(2)
    expect(connections).toHaveLength(1)
  })
})

describe('encryption and login', () => {
  const encrypted = async (options: SmtpOptions = {}): Promise<{ to: SmtpServer; ca: string }> => {
    const certificates = await makeCertificates()
    afterwards(() => certificates.remove())
    const [key, cert] = await Promise.all([readFile(certificates.keyFile), readFile(certificates.certFile)])
    return { to: await server({ ...options, settings: { key, cert, ...options.settings } }), ca: certificates.ca }
  }
  const user = { name: 'shop', password: 'right' }
  const auth = { type: 'basic', username: 'shop', password: '${secret:smtp#password}' } as const
  const secrets = { 'smtp#password': 'right' }

  test.each([
    ['starttls', false],
    ['tls', true],
  ] as const)('%s: logs in over a certificate that it trusts', async (security, secure) => {
    const { to, ca } = await encrypted({ user, settings: { secure } })
    const smtp = await under(to.port, { host: 'localhost', security, tls: { ca } }, { auth, secrets })
    await smtp.instance.probe?.({ signal: new AbortController().signal })
    await smtp.call('send', mail)
    expect(to.mails()).toHaveLength(1)
    const strange = await under(to.port, { host: 'localhost', security }, { auth, secrets })
    expect(await failureOf(strange.call('send', mail))).toMatchObject({ kind: 'network_error', executed: 'no' })
  })

  test('sends nothing when the server offers no encryption', async () => {
    const to = await server({ user })
    const smtp = await under(to.port, { security: 'starttls' }, { auth, secrets })
    expect(await failureOf(smtp.call('send', mail))).toMatchObject({ executed: 'no' })
    expect(to.mails()).toEqual([])
  })

  test('tells a wrong password, without showing it', async () => {
    const { to, ca } = await encrypted({ user })
    const smtp = await under(to.port, { host: 'localhost', security: 'starttls', tls: { ca } }, { auth, secrets: { 'smtp#password': 'wrong' } })
    const failure = await failureOf(smtp.call('send', mail))
    expect(failure).toMatchObject({ kind: 'unauthorized', executed: 'no' })
    expect(failure.message).not.toContain('wrong')
  })

  test('refuses to start with a password and no encryption towards another machine', async () => {
    await expect(under(25, { host: 'mail.example.com' }, { auth, secrets })).rejects.toThrow(
      'a password is not sent over a connection without encryption',
    )
  })
})

describe('templates in files', () => {
  test('fill a mail: subject, text and HTML, in which no value can be markup', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'headgate-templates-'))
    afterwards(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'welcome.subject.txt'), 'Welcome {{ user.name }}\n')
    await writeFile(join(folder, 'welcome.html'), '<p>{{ user.name }}</p>')
    const to = await server()
    const smtp = await under(to.port, { templates: { folder } })
    const input = (name: string): Json => ({ from: mail.from, to: mail.to, template: 'welcome', data: { user: { name } } })
    await smtp.call('send', input('<Ada>'))
    expect(to.mails()[0]?.text).toContain('Subject: Welcome <Ada>\r\n')
    expect(to.mails()[0]?.text).toContain('<p>&lt;Ada&gt;</p>')
    expect(await failureOf(smtp.call('send', input('Ada\r\nBcc: eve@example.com')))).toMatchObject({
      kind: 'invalid_request',
      code: 'header_injection',
    })
    expect(await failureOf(smtp.call('send', { ...mail, template: 'other' }))).toMatchObject({ kind: 'template_error', executed: 'no' })
    expect(await smtp.call('get_template', { id: 'welcome' })).toEqual({
      id: 'welcome',
      subject: 'Welcome {{ user.name }}\n',
      html: '<p>{{ user.name }}</p>',
    })
    expect(to.mails()).toHaveLength(1)
  })

  test('need a subject, of the template or of the mail', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'headgate-templates-'))
    afterwards(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'note.txt'), 'Note')
    const to = await server()
    const smtp = await under(to.port, { templates: { folder } })
    const input = { from: mail.from, to: mail.to, template: 'note' }
    expect(await failureOf(smtp.call('send', input))).toMatchObject({ kind: 'template_error', code: 'template_subject' })
    await smtp.call('send', { ...input, subject: 'Mine' })
    expect(to.mails()[0]?.text).toContain('Subject: Mine\r\n')
  })
})

describe('a bulk', () => {
  test('goes over one connection, and each mail has its own answer', async () => {
    const { connections, settings } = countedConnections()
    const to = await server({ refuse: (address) => (address.startsWith('eve') ? { code: 550, message: '5.1.1 unknown' } : undefined), settings })
    const smtp = await under(to.port)
    const answers = await sendBatch(smtp, [mail, { ...mail, to: ['eve@example.com'] }, { ...mail, to: ['no address'] }, mail])
    expect(answers).toMatchObject([
      { id: expect.any(String) as unknown },
      { kind: 'invalid_email' },
      { kind: 'invalid_email' },
      { id: expect.any(String) as unknown },
    ])
    expect(to.mails()).toHaveLength(2)
    expect(connections).toHaveLength(1)
  })

  test('goes over another connection after as many mails as a connection may have', async () => {
    const { connections, settings } = countedConnections()
    const to = await server({ settings })
    await sendBatch(await under(to.port, { max_mails: 2 }), [mail, mail, mail, mail, mail])
    expect(to.mails()).toHaveLength(5)
    expect(connections).toHaveLength(3)
  })

  test('asks a server that is away only once', async () => {
    let connections = 0
    const away = createServer((socket) => {
      connections += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => void away.listen(0, '127.0.0.1', resolve))
    afterwards(() => new Promise<void>((resolve) => away.close(() => resolve())))
    const answers = await sendBatch(await under((away.address() as AddressInfo).port), [mail, mail, mail])
    expect(answers).toMatchObject([1, 2, 3].map(() => ({ kind: 'network_error', executed: 'no' })))
    expect(connections).toBe(1)
  })

  test('stops when the server is away: the rest was not sent', async () => {
    const to = await server({
      loseAnswer: () => {
        proxy.cut({ refuse: true })
        return true
      },
    })
    const proxy = await startFaultProxy({ port: to.port })
    afterwards(() => proxy.close())
    const answers = await sendBatch(await under(proxy.port), [mail, mail, mail])
    expect(answers).toMatchObject([{ executed: 'unknown' }, { kind: 'network_error', executed: 'no' }, { kind: 'network_error', executed: 'no' }])
    expect(to.mails()).toHaveLength(1)
  })
})
