import { Readable } from 'node:stream'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { ProviderFailure } from '../../../gateway/plugin.ts'
import type { SmtpError } from './failures.ts'

export interface Login {
  readonly user: string
  readonly pass: string
}

export type SessionOptions = SMTPConnection.Options

export interface Envelope {
  readonly from: string
  readonly to: readonly string[]
}

export interface Sent {
  /** Recipients that were refused while others were taken. */
  readonly rejected: readonly string[]
}

/** How a mail failed on a connection. */
export class SendError extends Error {
  override readonly cause: SmtpError
  /** Whether the server may have the whole mail. */
  readonly began: boolean

  constructor(cause: SmtpError, began: boolean) {
    super(cause.message)
    this.cause = cause
    this.began = began
  }
}

/** One connection, logged in; one mail at a time. */
export interface Session {
  readonly sent: number
  isOpen(): boolean
  /** @throws {SendError | ProviderFailure} The latter when the signal aborts, which ends the connection. */
  send(envelope: Envelope, message: Buffer, signal: AbortSignal): Promise<Sent>
  /** Makes it ready for another mail after one was refused; false when it is of no use any more. */
  reset(signal: AbortSignal): Promise<boolean>
  /** Calls back once, when the connection has ended. */
  onEnd(callback: () => void): void
  close(): void
}

/** How long a server may take to say goodbye. */
const quitMs = 1000

/** @throws {SendError | ProviderFailure} */
export async function openSession(options: SessionOptions, login: Login | undefined, signal: AbortSignal): Promise<Session> {
  const connection = new SMTPConnection(options)
  /** Of the step under way. */
  const signalOf = { current: signal }
  let open = true
  let sent = 0
  connection.once('end', () => {
    open = false
  })
  // Without a listener, an error between two mails would end the process.
  connection.on('error', () => undefined)

  /** Settles with the first of: the answer, an error, the end of the connection, the signal. */
  const step = <T>(began: () => boolean, start: (done: (error?: SmtpError | null, value?: T) => void) => void): Promise<T | undefined> =>
    new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        connection.off('error', onError)
        connection.off('end', onEnd)
        signalOf.current.removeEventListener('abort', onAbort)
        act()
      }
      const onError = (error: SmtpError): void => settle(() => reject(new SendError(error, began())))
      // An answer such as 421 ends the connection and is told right afterwards.
      const onEnd = (): void =>
        queueMicrotask(() => onError(Object.assign(new Error('the connection has ended'), { code: 'ECONNECTION', command: 'CONN' })))
      const onAbort = (): void =>
        settle(() => {
          connection.close()
          reject(outOfTime(began()))
        })
      if (signalOf.current.aborted) return onAbort()
      connection.once('error', onError)
      connection.once('end', onEnd)
      signalOf.current.addEventListener('abort', onAbort, { once: true })
      start((error, value) => (error === undefined || error === null ? settle(() => resolve(value)) : onError(error)))
    })
  const never = (): boolean => false

  try {
    await step(never, (done) => connection.connect(done))
    if (login !== undefined) await step(never, (done) => connection.login(login, done))
  } catch (error) {
    connection.close()
    throw error
  }

  return {
    get sent() {
      return sent
    },
    isOpen: () => open,
    async send({ from, to }, message, nextSignal) {
      signalOf.current = nextSignal
      let began = false
      // Read only when the server has said that it takes the text.
      const text = new Readable({
        read() {
          began = true
          this.push(message)
          this.push(null)
        },
      })
      const envelope = { from, to: [...to], size: message.length }
      const info = await step<SMTPConnection.SentMessageInfo>(
        () => began,
        (done) => connection.send(envelope, text, done),
      )
      sent += 1
      return { rejected: info?.rejected ?? [] }
    },
    async reset(nextSignal) {
      signalOf.current = nextSignal
      return step(never, (done) => connection.reset(done)).then(
        () => open,
        () => false,
      )
    },
    onEnd: (callback) => void connection.once('end', callback),
    close() {
      if (open) connection.quit()
      setTimeout(() => connection.close(), quitMs).unref()
    },
  }
}

export const outOfTime = (began: boolean): ProviderFailure =>
  new ProviderFailure('timeout', 'the SMTP server did not take the mail within the time limit', { executed: began ? 'unknown' : 'no' })
