/** One complete HTTP/1.1 response at the start of a buffer. */
export interface Response {
  readonly status: number
  readonly bodyBytes: number
  /** Head and body on the wire. */
  readonly totalBytes: number
  /** The server ends the connection after this response. */
  readonly close: boolean
}

const headEnd = Buffer.from('\r\n\r\n')

const chunked = (buffer: Buffer, start: number): { bodyBytes: number; end: number } | undefined => {
  let offset = start
  let bodyBytes = 0
  for (;;) {
    const lineEnd = buffer.indexOf('\r\n', offset)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(buffer.toString('latin1', offset, lineEnd), 16)
    offset = lineEnd + 2 + size + 2
    if (offset > buffer.length) return undefined
    if (size === 0) return { bodyBytes, end: offset }
    bodyBytes += size
  }
}

/**
 * Reads just enough of a response to check it cheaply: the load generator shares a core with the upstream.
 * @returns undefined while the response is incomplete. Trailers and interim responses are not expected here.
 */
export const parseResponse = (buffer: Buffer): Response | undefined => {
  const end = buffer.indexOf(headEnd)
  if (end < 0) return undefined
  const head = buffer.toString('latin1', 0, end).toLowerCase()
  const status = Number(head.slice(9, 12))
  const close = head.includes('\r\nconnection: close')
  const lengthAt = head.indexOf('\r\ncontent-length:')
  if (lengthAt >= 0) {
    const bodyBytes = Number.parseInt(head.slice(lengthAt + 17), 10)
    const totalBytes = end + 4 + bodyBytes
    return buffer.length < totalBytes ? undefined : { status, bodyBytes, totalBytes, close }
  }
  if (!head.includes('\r\ntransfer-encoding: chunked')) return { status, bodyBytes: 0, totalBytes: end + 4, close }
  const body = chunked(buffer, end + 4)
  return body === undefined ? undefined : { status, bodyBytes: body.bodyBytes, totalBytes: body.end, close }
}
