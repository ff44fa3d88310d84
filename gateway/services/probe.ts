import http from 'node:http'
import https from 'node:https'
import type { SecureContext } from 'node:tls'
import { sniName, type TlsOptions } from './pool.ts'

/** More of an answer is not read. */
const maxBodyBytes = 64 * 1024

export interface ProbeTarget {
  readonly origin: string
  readonly authority: string
  readonly path: string
  readonly timeoutMs: number
  readonly tls: TlsOptions
}

export interface RunningProbe {
  /** Undefined when the probe was good, else why not. Settles once the connection is gone; never rejects. */
  readonly done: Promise<string | undefined>
  cancel(): void
}

/**
 * Asks one address for its health with GET on a connection of its own, so that a busy pool can neither delay nor starve the question.
 * Good is a status from 200 to 399; redirects are not followed. The status must come within `timeoutMs`, the connection is cut then.
 */
export const probe = (target: ProbeTarget): RunningProbe => {
  const request = send(target)
  let outcome: string | undefined = 'closed before an answer came'
  const timer = setTimeout(() => request.destroy(new Error(`no answer within ${target.timeoutMs} ms`)), target.timeoutMs)
  timer.unref()
  const done = new Promise<string | undefined>((resolve) => {
    let answered = false
    request.on('response', (response) => {
      answered = true
      outcome =
        response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 400 ? undefined : `status ${response.statusCode}`
      discard(response)
    })
    request.on('upgrade', (_response, socket) => socket.destroy())
    request.on('error', (error) => {
      if (!answered) outcome = error.message === '' ? error.name : error.message
    })
    request.on('close', () => {
      clearTimeout(timer)
      resolve(outcome)
    })
  })
  request.end()
  return { done, cancel: () => request.destroy() }
}

const send = ({ origin, authority, path, tls }: ProbeTarget): http.ClientRequest => {
  const options = { agent: false, method: 'GET', path, headers: { host: authority, 'user-agent': 'headgate-probe', connection: 'close' } } as const
  if (!origin.startsWith('https:')) return http.request(origin, options)
  const secure: SecureRequestOptions = {
    ...options,
    secureContext: tls.secureContext(),
    rejectUnauthorized: tls.verify,
    servername: sniName(tls.serverName),
  }
  return https.request(origin, secure)
}

interface SecureRequestOptions extends https.RequestOptions {
  /** Handed on to `tls.connect`, missing in the types of `https.request`. */
  readonly secureContext: SecureContext
}

const discard = (response: http.IncomingMessage): void => {
  let bytes = 0
  response.on('error', () => undefined)
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > maxBodyBytes) response.destroy()
  })
}
