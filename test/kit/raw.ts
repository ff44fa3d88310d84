import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** An answer as it stood on the wire, latin1. */
export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
  /** Everything that came, more answers included. */
  readonly text: string
  /** Whether the other side ended the connection within the wait. */
  readonly closed: boolean
}

export interface RawOptions {
  /** Longest wait for the end of the connection or of a complete answer; 3 s by default. */
  readonly waitMs?: number
  /** Answers to wait for; 1 by default. */
  readonly answers?: number
  /** Waits for the connection to be closed by the gateway instead of returning after the last answer. */
  readonly untilClosed?: boolean
}

/**
 * Sends bytes as they are on a new connection and returns what comes back. Lines end in CRLF: write them yourself.
 * Of a list, each part is sent when as many answers have come as parts before it.
 */
export async function raw(port: number, bytes: string | Buffer | readonly string[], options: RawOptions = {}): Promise<RawAnswer> {
  const { waitMs = 3000, answers = 1, untilClosed = false } = options
  const socket = await open(port)
  const parts: readonly (string | Buffer)[] = typeof bytes === 'string' || Buffer.isBuffer(bytes) ? [bytes] : bytes
  return new Promise((resolve) => {
    let text = ''
    let sent = 0
    const send = (): void => {
      const part = parts[sent] as string | Buffer
      sent += 1
      socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)
    }
    const done = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(parse(text, closed))
    }
    const timer = setTimeout(() => done(false), waitMs)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const complete = countComplete(text)
      if (sent < parts.length && complete >= sent) send()
      else if (!untilClosed && complete >= answers) done(false)
    })
    socket.on('error', () => done(true))
    socket.on('close', () => done(true))
    send()
  })
}

export function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
  })
}

function parse(text: string, closed: boolean): RawAnswer {
  const end = text.indexOf('\r\n\r\n')
  const head = end === -1 ? text : text.slice(0, end)
  return { status: Number(/^HTTP\/1\.[01] ([0-9]{3})/.exec(text)?.[1] ?? 0), head, body: end === -1 ? '' : text.slice(end + 4), text, closed }
}

/** Complete answers at the start of `text` (with Content-Length or chunked framing, or without a body). */
function countComplete(text: string): number {
  let count = 0
  let rest = text
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) return count
    const head = rest.slice(0, end).toLowerCase()
    const status = Number(/^http\/1\.[01] ([0-9]{3})/.exec(head)?.[1] ?? 0)
    const length = bodyLength(head, status, rest.slice(end + 4))
    if (length === undefined || rest.length < end + 4 + length) return count
    if (status >= 200) count += 1
    rest = rest.slice(end + 4 + length)
  }
}

function bodyLength(head: string, status: number, body: string): number | undefined {
  if (status < 200 || status === 204 || status === 304) return 0
  const declared = /\r\ncontent-length: ([0-9]+)/.exec(head)?.[1]
  if (declared !== undefined) return Number(declared)
  if (!head.includes('transfer-encoding: chunked')) return undefined
  const last = /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(body)
  return last === null ? undefined : last.index + last[0].length
}

/** Whether something takes connections at the port. */
export async function accepts(port: number): Promise<boolean> {
  try {
    const socket = await open(port)
    socket.destroy()
    return true
  } catch {
    return false
  }
}
