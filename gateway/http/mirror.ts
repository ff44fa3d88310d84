import type { Dispatcher } from 'undici'
import type { Service } from '../services/service.ts'
import type { Exchange } from './exchange.ts'
import { UpstreamAnswer } from './upstream-answer.ts'

// A shadow must not hold more than this many calls, however slow its service is.
const maxInFlight = 256

/**
 * Sends copies of requests to another service and ignores what comes back: failures of the shadow are nobody's failures.
 * Bodies are copied only when they were read ahead.
 */
export function mirror(service: Service, percent: number, timeoutMs: number, random: () => number): (exchange: Exchange) => void {
  let inFlight = 0
  return (exchange) => {
    const { body } = exchange
    if (inFlight >= maxInFlight || random() * 100 >= percent || (body !== undefined && body.buffered === undefined)) return
    try {
      const upstream = service.pick()
      const headers = [...exchange.upstreamHeaders]
      headers[1] = upstream.authority
      inFlight += 1
      const call = { deadlineAtMs: Infinity, attempts: 1, aborted: false, sent: false, progressAtMs: -Infinity, cancel: () => undefined }
      let timer: NodeJS.Timeout | undefined
      new Promise<UpstreamAnswer>((resolve, reject) => {
        const answer = new UpstreamAnswer(upstream, call, resolve, reject)
        if (timeoutMs !== Infinity) timer = setTimeout(() => answer.cancel(new Error('mirror timed out')), timeoutMs)
        const options: Dispatcher.DispatchOptions = {
          path: exchange.upstreamPath,
          method: exchange.method,
          headers,
          body: body?.buffered ?? null,
          headersTimeout: 0,
          bodyTimeout: timeoutMs === Infinity ? 0 : timeoutMs,
        }
        upstream.dispatcher.dispatch(options, answer)
      })
        .then((answer) => answer.discard())
        .catch(() => undefined)
        .finally(() => {
          clearTimeout(timer)
          inFlight -= 1
        })
    } catch {
      // No address or too many calls: the original request goes on without its shadow.
    }
  }
}
