import type { AddressInfo, Socket } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerOptions } from 'smtp-server'

export interface SmtpMail {
  /** Of the envelope. */
  readonly from: string
  readonly to: readonly string[]
  /** Headers and body as they came. */
  readonly text: string
}

export interface SmtpRefusal {
  /** 4xx: later perhaps; 5xx: never. */
  readonly code: number
  readonly message: string
}

/** A real SMTP server in this process, which keeps what it takes. */
export interface SmtpServer {
  readonly port: number
  readonly url: string
  /** In the order in which they came, those included whose answer was lost. */
  mails(): readonly SmtpMail[]
  stop(): Promise<void>
}

export interface SmtpOptions {
  /** Senders must present this name and password. */
  readonly user?: { readonly name: string; readonly password: string }
  /** Whether a recipient is refused. */
  readonly refuse?: (address: string) => SmtpRefusal | undefined
  /** After a mail was taken: true ends the connection without a word, so that the sender never learns of it. */
  readonly loseAnswer?: (mail: SmtpMail) => boolean
  /** `secure`, `key` and `cert` for TLS. */
  readonly settings?: SMTPServerOptions
}

export async function startSmtp({ user, refuse, loseAnswer, settings }: SmtpOptions = {}): Promise<SmtpServer> {
  const mails: SmtpMail[] = []
  /** By the port of the sender. */
  const sockets = new Map<number, Socket>()
  const server = new SMTPServer({
    authOptional: user === undefined,
    // Passwords in the clear: it is on the loopback interface.
    allowInsecureAuth: true,
    disabledCommands: settings?.key === undefined ? ['STARTTLS'] : [],
    disableReverseLookup: true,
    closeTimeout: 100,
    onAuth: (auth, _session, done) => {
      const known = user !== undefined && auth.username === user.name && auth.password === user.password
      done(known ? null : refusal({ code: 535, message: 'unknown name or password' }), known ? { user: user.name } : undefined)
    },
    onRcptTo: ({ address }, _session, done) => {
      const refused = refuse?.(address)
      done(refused === undefined ? null : refusal(refused))
    },
    onData: (stream, session, done) => {
      const pieces: Buffer[] = []
      stream.on('data', (piece: Buffer) => pieces.push(piece))
      stream.on('end', () => {
        const from = session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address
        const mail = { from, to: session.envelope.rcptTo.map(({ address }) => address), text: Buffer.concat(pieces).toString() }
        mails.push(mail)
        if (loseAnswer?.(mail) === true) sockets.get(session.remotePort)?.destroy()
        else done()
      })
    },
    ...settings,
  })
  server.server.on('connection', (socket: Socket) => {
    const port = socket.remotePort ?? 0
    sockets.set(port, socket)
    socket.once('close', () => sockets.delete(port))
  })
  // Connections that break are part of the tests.
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  const scheme = settings?.secure === true ? 'smtps' : 'smtp'
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    mails: () => mails,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve)
      }),
  }
}

const refusal = ({ code, message }: SmtpRefusal): Error => Object.assign(new Error(message), { responseCode: code })
