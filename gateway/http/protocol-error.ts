import type { Socket } from 'node:net'
import { errorCatalogue } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { problem, problemContentType } from '../observe/problem.ts'

/** What the HTTP parser of Node could not accept, as an error code of ours; undefined when there is nobody to tell. */
export function protocolErrorCode(error: NodeJS.ErrnoException): ErrorCode | undefined {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'HEADERS_TOO_LARGE'
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'BODY_TOO_LARGE'
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'CLIENT_TIMEOUT'
    default:
      return error.code?.startsWith('HPE_') === true ? 'BAD_REQUEST' : undefined
  }
}

/** Answers on a connection that has no request to answer, and ends it: its framing can no longer be trusted. */
export function answerOnSocket(socket: Socket, code: ErrorCode, traceId: string): void {
  const { status, title } = errorCatalogue[code]
  const body = problem({ code }, traceId)
  const lines = [
    `HTTP/1.1 ${status} ${title}`,
    `content-type: ${problemContentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ]
  socket.end(lines.join('\r\n'), () => socket.destroy())
}
