import { isIP } from 'node:net'
import type { IncomingMessage } from 'node:http'
import type { Answer } from './respond.ts'
import { problemAnswer } from './respond.ts'

/**
 * Refuses what only a web page would send to an admin listener: a name that an attacker's DNS points at the loopback
 * address (DNS rebinding), and a request across origins that changes something (CSRF).
 * @param boundHost Host of the admin address as configured.
 */
export const guard = (boundHost: string): ((request: IncomingMessage) => Answer | undefined) => {
  const checkHost = isLoopback(boundHost)
  return (request) => {
    const host = request.headers.host
    if (checkHost && host !== undefined && !isLocalName(hostName(host), boundHost)) {
      return problemAnswer(
        421,
        'This listener is bound to the loopback address and answers to IP addresses, `localhost` and its configured host only.',
      )
    }
    if (request.method === 'POST' && request.headers.origin !== undefined) {
      return problemAnswer(403, 'Requests from web pages (with an `Origin` header) may not change anything here.')
    }
    return undefined
  }
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

const isLocalName = (name: string, boundHost: string): boolean => isIP(name) !== 0 || name === 'localhost' || name === boundHost.toLowerCase()

/** `[::1]:9900` to `::1`, `LOCALHOST:9900` to `localhost`. */
const hostName = (host: string): string => (/^\[(?<v6>[^\]]*)\](?::\d*)?$/.exec(host)?.groups?.['v6'] ?? host.replace(/:\d*$/, '')).toLowerCase()
