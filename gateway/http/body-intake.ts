import { GatewayError } from '../errors.ts'
import type { Exchange } from './exchange.ts'
import { RequestBody } from './request-body.ts'

/** Body of a request before any of it was read. */
export interface DeclaredBody {
  readonly body: RequestBody
  /** `Infinity` where the client does not say. */
  readonly bytes: number
  /** Whether the client waits for `100 Continue`. */
  readonly expectsContinue: boolean
}

/**
 * What the head of a request says about its body; undefined where there is none.
 * @param now Milliseconds on a monotonic clock.
 * @throws {GatewayError} BODY_TOO_LARGE by the declared length.
 */
export function declaredBody(exchange: Exchange, maxBodyBytes: number, now: () => number): DeclaredBody | undefined {
  const { headers } = exchange.req
  const length = headers['content-length']
  if (length === undefined && headers['transfer-encoding'] === undefined) return undefined
  const bytes = length === undefined ? Infinity : Number(length)
  if (bytes === 0) return undefined
  if (length !== undefined && bytes > maxBodyBytes) throw tooLarge(maxBodyBytes)
  // HTTP/1.0 knows no interim answers (RFC 9110, section 10.1.1).
  const expectsContinue = headers.expect?.toLowerCase() === '100-continue' && exchange.req.httpVersionMinor === 1
  const body = new RequestBody(exchange.req, exchange.res, maxBodyBytes, expectsContinue, () => {
    exchange.progressAtMs = now()
  })
  return { body, bytes, expectsContinue }
}

/**
 * The whole body in memory, for requests that end in the gateway.
 * @throws {GatewayError} BODY_TOO_LARGE; CLIENT_GONE when the client leaves before its end.
 */
export async function wholeBody(exchange: Exchange, maxBodyBytes: number, now: () => number): Promise<Buffer> {
  const declared = declaredBody(exchange, maxBodyBytes, now)
  if (declared === undefined) return Buffer.alloc(0)
  exchange.body = declared.body
  await declared.body.readAhead()
  return declared.body.buffered ?? Buffer.alloc(0)
}

const tooLarge = (maxBodyBytes: number): GatewayError =>
  new GatewayError('BODY_TOO_LARGE', { detail: `At most ${maxBodyBytes} bytes are taken here.` })
