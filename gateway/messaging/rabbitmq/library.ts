import type { ChannelModel } from 'amqplib'
import { unreadableTable } from './headers.ts'

/** What the gateway has to know of the client library beyond its interface. A library that is built otherwise is left alone. */
interface Receiver {
  /** Bytes that were received and not read yet. */
  rest: Buffer
  /** Whether the connection has ended. */
  readonly expectSocketClose: boolean
  recvFrame: () => unknown
}

/**
 * Whether the connection ended before anybody could listen to it, as when the answer to its opening and its end come in one packet: its
 * `close` is over then and never comes again.
 */
export function endedEarly({ connection }: Pick<ChannelModel, 'connection'>): boolean {
  return isReceiver(connection) && connection.expectSocketClose
}

/**
 * Keeps headers that cannot be decoded from ending the connection. The library decodes nested tables by recursion: a few thousand levels, which
 * fit into one message, are more than its stack takes. It then drops the connection, the broker delivers the message again, and the
 * messages of everybody else on that connection count one more interruption each time. Such a message comes through with its other
 * properties and, instead of its headers, a mark that they could not be read.
 */
export function toleratesHeaders({ connection }: Pick<ChannelModel, 'connection'>): void {
  if (!isReceiver(connection)) return
  const receive = connection.recvFrame.bind(connection)
  connection.recvFrame = () => {
    const before = connection.rest
    try {
      return receive()
    } catch (error) {
      // Where the bytes stand still they are no frame at all.
      const frame = connection.rest === before ? undefined : withoutHeaders(before)
      if (frame === undefined) throw error
      connection.rest = Buffer.concat([frame, connection.rest])
      return receive()
    }
  }
}

function isReceiver(connection: object): connection is Receiver {
  return (
    'rest' in connection &&
    Buffer.isBuffer(connection.rest) &&
    'expectSocketClose' in connection &&
    'recvFrame' in connection &&
    typeof connection.recvFrame === 'function'
  )
}

/** A frame begins with type (1 byte), channel (2) and length of what follows (4), and ends with one byte. */
const frameStartBytes = 7
const headerFrame = 2
/** Class (2), weight (2), length of the body (8) and flags (2): the properties follow. */
const flagsAt = frameStartBytes + 12
const propertiesAt = flagsAt + 2
const flags = { contentType: 1 << 15, contentEncoding: 1 << 14, headers: 1 << 13 } as const

/**
 * The first frame with a short table in place of the headers; undefined where it is not complete, or no frame of a message's properties.
 * Source: AMQP 0-9-1, 2.3.5.2 and 4.2.6.1.
 */
function withoutHeaders(bytes: Buffer): Buffer | undefined {
  if (bytes.length < propertiesAt || bytes[0] !== headerFrame) return undefined
  const frameBytes = frameStartBytes + bytes.readUInt32BE(3) + 1
  if (bytes.length < frameBytes) return undefined
  const frame = bytes.subarray(0, frameBytes)
  const present = frame.readUInt16BE(flagsAt)
  if ((present & flags.headers) === 0) return undefined
  let tableAt = propertiesAt
  for (const flag of [flags.contentType, flags.contentEncoding]) if ((present & flag) !== 0) tableAt += 1 + frame.readUInt8(tableAt)
  const tableEnd = tableAt + 4 + frame.readUInt32BE(tableAt)
  const shorter = Buffer.concat([frame.subarray(0, tableAt), unreadableTable, frame.subarray(tableEnd)])
  shorter.writeUInt32BE(shorter.length - frameStartBytes - 1, 3)
  return shorter
}
