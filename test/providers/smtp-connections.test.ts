import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { startFaultProxy } from '../kit/fault-proxy.ts'
import { startSmtp } from '../kit/smtp.ts'
import type { SmtpOptions } from '../kit/smtp.ts'
import { failureOf } from '../kit/stand-ins/email-failure.ts'
import { countedConnections, mail, smtpTests } from '../kit/stand-ins/smtp.ts'
import { until } from '../kit/until.ts'

const { server, under, afterwards } = smtpTests()

describe('a connection', () => {
  test('that is refused means that nothing was sent', async () => {
    const closed = await startSmtp()
    await closed.stop()
    const smtp = await under(closed.port)
    expect(await failureOf(smtp.call('send', mail))).toMatchObject({ kind: 'network_error', executed: 'no' })
    expect(await failureOf(smtp.instance.probe?.({ signal: new AbortController().signal }) ?? Promise.resolve())).toMatchObject({
      kind: 'network_error',
    })
  })

  /** Says what SMTP servers say, up to a point. */
  const speaking = async (
    answers: Readonly<Record<string, string>>,
    atDot: 'silent' | 'destroy' = 'silent',
  ): Promise<{ port: number; heard: string[] }> => {
    const heard: string[] = []
    const sockets = new Set<Socket>()
    const raw = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.write('220 here\r\n')
      socket.on('data', (piece: Buffer) => {
        for (const line of piece.toString().split('\r\n').filter(Boolean)) {
          heard.push(line)
          const answer = answers[line.split(/[ :]/)[0] ?? '']
          if (answer !== undefined) socket.write(`${answer}\r\n`)
          if (line === '.' && atDot === 'destroy') socket.destroy()
        }
      })
    })
    await new Promise<void>((resolve) => void raw.listen(0, '127.0.0.1', resolve))
    afterwards(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => raw.close(resolve))
    })
    return { port: (raw.address() as AddressInfo).port, heard }
  }
  const polite = { EHLO: '250 here', MAIL: '250 ok', RCPT: '250 ok', DATA: '354 go on' }

  test.each([
    ['before the greeting is answered', { EHLO: '' }, 'EHLO [127.0.0.1]', 'no'],
    ['before the recipient is taken', { EHLO: '250 here', MAIL: '250 ok' }, 'RCPT TO:<ada@example.com>', 'no'],
    ['after the text was sent', polite, '.', 'unknown'],
  ] as const)('that hangs %s ends with the attempt, and its outcome is known as far as it can be', async (_what, answers, line, executed) => {
    const { port, heard } = await speaking(answers)
    const smtp = await under(port, { client_name: '[127.0.0.1]' })
    const attempt = new AbortController()
    const failing = failureOf(smtp.call('send', mail, { signal: attempt.signal }))
    await until(`the server hears ${line}`, () => heard.includes(line))
    attempt.abort()
    expect(await failing).toMatchObject({ kind: 'timeout', executed })
  })

  test('that breaks after the text was sent leaves the outcome open', async () => {
    const { port } = await speaking(polite, 'destroy')
    const smtp = await under(port)
    expect(await failureOf(smtp.call('send', mail))).toMatchObject({ kind: 'network_error', executed: 'unknown' })
  })

  test('to something that is no SMTP server is an invalid response', async () => {
    const other = createServer((socket) => void socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve))
    afterwards(() => new Promise<void>((resolve) => other.close(() => resolve())))
    const smtp = await under((other.address() as AddressInfo).port)
    expect(await failureOf(smtp.call('send', mail))).toMatchObject({ kind: 'invalid_response', executed: 'no' })
  })

  test('that the server has ended while nobody used it is replaced, and the mail goes once', async () => {
    const to = await server()
    const proxy = await startFaultProxy({ port: to.port })
    afterwards(() => proxy.close())
    const smtp = await under(proxy.port)
    for (const cut of [() => proxy.cut(), () => proxy.reset()]) {
      await smtp.call('send', mail)
      cut()
    }
    await Promise.all(Array.from({ length: 30 }, () => smtp.call('send', mail)))
    expect(to.mails()).toHaveLength(32)
  })

  test('that the server ends when the next mail begins is replaced, and the mail goes once', async () => {
    const { connections, settings } = countedConnections()
    const begun = new Set<string>()
    const to = await server({
      settings: {
        ...settings,
        onMailFrom: (_address, session, done) => {
          done(begun.has(session.id) ? Object.assign(new Error('4.4.2 idle for too long'), { responseCode: 421 }) : null)
          begun.add(session.id)
        },
      },
    })
    const smtp = await under(to.port)
    for (const key of ['hg_one', 'hg_two', 'hg_three']) await smtp.call('send', mail, { key })
    expect(to.mails()).toHaveLength(3)
    expect(connections).toHaveLength(3)
  })

  test('that breaks after the text was sent is not replaced, although it was used before', async () => {
    const to = await server({ loseAnswer: () => to.mails().length === 2 })
    const smtp = await under(to.port)
    await smtp.call('send', mail)
    expect(await failureOf(smtp.call('send', mail))).toMatchObject({ kind: 'network_error', executed: 'unknown' })
    expect(to.mails()).toHaveLength(2)
  })

  test('is one of at most `max_connections`: others wait, and give up with their attempt', async () => {
    let open = 0
    let most = 0
    const settings: SmtpOptions['settings'] = {
      onConnect: (_session, done) => {
        open += 1
        most = Math.max(most, open)
        done()
      },
      onClose: () => void (open -= 1),
    }
    const to = await server({ settings })
    const smtp = await under(to.port, { max_connections: 2 })
    await Promise.all(Array.from({ length: 20 }, () => smtp.call('send', mail)))
    expect(to.mails()).toHaveLength(20)
    expect(most).toBe(2)
    const { port, heard } = await speaking({})
    const stuck = await under(port, { max_connections: 1 })
    const attempt = new AbortController()
    const failing = [1, 2].map(() => failureOf(stuck.call('send', mail, { signal: attempt.signal })))
    await until('the server hears the greeting', () => heard.length > 0)
    attempt.abort()
    expect(await Promise.all(failing)).toMatchObject([1, 2].map(() => ({ kind: 'timeout', executed: 'no' })))
    expect(heard).toHaveLength(1)
  })
})
