import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { smtpPool } from './pool.ts'
import type { SmtpPool } from './pool.ts'

const envelope = { from: 'shop@example.com', to: ['ada@example.com'] }
const message = Buffer.from('Subject: Hello\r\n\r\nText\r\n')
const answers: Readonly<Record<string, string>> = {
  EHLO: '250 here',
  MAIL: '250 ok',
  RCPT: '250 ok',
  DATA: '354 go on',
  '.': '250 taken',
  QUIT: '221 bye',
}

let pool: SmtpPool
let mails = 0
/** Resolves the answer to the text of the first mail. */
let free: () => void = () => undefined

beforeEach(async () => {
  const held = new Promise<void>((resolve) => (free = resolve))
  const sockets = new Set<Socket>()
  mails = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).write('220 here\r\n')
    socket.on('data', (piece: Buffer) => void answer(socket, piece.toString().split('\r\n')))
  })
  const answer = async (socket: Socket, lines: readonly string[]): Promise<void> => {
    for (const word of lines.map((line) => line.split(/[ :]/)[0] ?? '')) {
      if (word === '.') mails += 1
      if (word === '.' && mails === 1) await held
      if (answers[word] !== undefined) socket.write(`${answers[word]}\r\n`)
    }
  }
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  pool = smtpPool({ session: { host: '127.0.0.1', port, ignoreTLS: true }, maxConnections: 1, maxMails: 100, login: () => undefined })
  return async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
})
afterEach(() => pool.close())

const send = (signal = new AbortController().signal): Promise<unknown> => pool.send(envelope, message, signal)

test('a connection that comes free goes to the one that has waited longest, not to one that has given up', async () => {
  const holding = send()
  const attempt = new AbortController()
  const given = send(attempt.signal)
  const order: string[] = []
  const waiting = ['first', 'second'].map(async (name) => {
    await send()
    order.push(name)
  })
  attempt.abort()
  await expect(given).rejects.toMatchObject({ name: 'ProviderFailure', kind: 'timeout', executed: 'no' })
  free()
  await Promise.all([holding, ...waiting])
  expect(order).toEqual(['first', 'second'])
  expect(mails).toBe(3)
})

test('nothing is sent for an attempt that is over already', async () => {
  await expect(send(AbortSignal.abort())).rejects.toMatchObject({ kind: 'timeout', executed: 'no' })
  expect(mails).toBe(0)
})

test('a check needs a connection, and keeps it for the next mail', async () => {
  await pool.check(new AbortController().signal)
  free()
  await send()
  expect(mails).toBe(1)
})
