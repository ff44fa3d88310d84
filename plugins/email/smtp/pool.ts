import { ProviderFailure } from '../../../gateway/plugin.ts'
import { isStaleConnection, smtpFailure } from './failures.ts'
import { openSession, outOfTime, SendError } from './session.ts'
import type { Envelope, Login, Sent, Session, SessionOptions } from './session.ts'

export interface SmtpPoolOptions {
  readonly session: SessionOptions
  readonly maxConnections: number
  /** Mails after which a connection is given up; many servers end it themselves. */
  readonly maxMails: number
  /** Asked for each new connection. */
  login(): Login | undefined
}

export interface SmtpPool {
  /** @throws {ProviderFailure} */
  send(envelope: Envelope, message: Buffer, signal: AbortSignal): Promise<Sent>
  /** Resolves when there is a connection that is logged in. @throws {ProviderFailure} */
  check(signal: AbortSignal): Promise<void>
  close(): void
}

const idleMs = 30_000

/** Connections that are kept open for the next mail. */
export function smtpPool({ session: options, maxConnections, maxMails, login }: SmtpPoolOptions): SmtpPool {
  /** With the timers that end them; the one used last stands last. */
  const idle = new Map<Session, NodeJS.Timeout>()
  const waiting: (() => void)[] = []
  let inUse = 0
  let closed = false

  async function slot(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw outOfTime(false)
    if (inUse < maxConnections) {
      inUse += 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(turn), 1)
        reject(outOfTime(false))
      }
      waiting.push(turn)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** The slot goes to the one that has waited longest. */
  function freeSlot(): void {
    const next = waiting.shift()
    if (next === undefined) inUse -= 1
    else next()
  }

  async function open(signal: AbortSignal): Promise<Session> {
    const session = await openSession(options, login(), signal)
    session.onEnd(() => forget(session))
    return session
  }

  function forget(session: Session): void {
    clearTimeout(idle.get(session))
    idle.delete(session)
  }

  function kept(): Session | undefined {
    const last = [...idle.keys()].findLast((session) => session.isOpen())
    if (last !== undefined) forget(last)
    return last
  }

  function keep(session: Session): void {
    if (closed || session.sent >= maxMails || !session.isOpen()) return session.close()
    const end = (): void => {
      forget(session)
      session.close()
    }
    idle.set(session, setTimeout(end, idleMs).unref())
  }

  async function sendOver(session: Session, envelope: Envelope, message: Buffer, signal: AbortSignal): Promise<Sent> {
    try {
      const sent = await session.send(envelope, message, signal)
      keep(session)
      return sent
    } catch (error) {
      if (error instanceof SendError && error.cause.responseCode !== undefined && session.isOpen() && (await session.reset(signal))) keep(session)
      else session.close()
      throw error
    }
  }

  async function send(envelope: Envelope, message: Buffer, signal: AbortSignal): Promise<Sent> {
    await slot(signal)
    try {
      const used = kept()
      if (used !== undefined) {
        try {
          return await sendOver(used, envelope, message, signal)
        } catch (error) {
          if (!(error instanceof SendError && isStaleConnection(error.cause, error.began))) throw error
        }
      }
      return await sendOver(await open(signal), envelope, message, signal)
    } catch (error) {
      throw failureOf(error)
    } finally {
      freeSlot()
    }
  }

  return {
    send,
    async check(signal) {
      await slot(signal)
      try {
        keep(kept() ?? (await open(signal)))
      } catch (error) {
        throw failureOf(error)
      } finally {
        freeSlot()
      }
    },
    close() {
      closed = true
      for (const session of idle.keys()) {
        forget(session)
        session.close()
      }
    },
  }
}

const failureOf = (error: unknown): unknown =>
  error instanceof SendError ? smtpFailure(error.cause, error.began) : error instanceof ProviderFailure ? error : error
