import { connect } from 'node:net'
import { until } from './until.ts'

/**
 * Puts a message with this table of headers into a queue, byte for byte: a client library would check, or fail to write, what it is given.
 * @param headers As it goes over the wire, its length in front.
 */
export async function publishTable(port: number, queue: string, headers: Buffer, id: string): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  let received: Buffer = Buffer.alloc(0)
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data])
  })
  const answer = (classId: number, methodId: number): Promise<void> =>
    until(`the answer ${classId}.${methodId}`, () => received.includes(Buffer.from([0, classId, 0, methodId])))
  try {
    socket.write('AMQP\0\0\x09\x01', 'latin1')
    socket.write(method(0, 10, 11, long(Buffer.alloc(0)), short('PLAIN'), long(Buffer.from('\0guest\0guest')), short('en_US')))
    await answer(10, 30)
    // At most 2047 channels, frames of 128 KiB, no heartbeats.
    socket.write(method(0, 10, 31, Buffer.from([7, 255, 0, 2, 0, 0, 0, 0])))
    socket.write(method(0, 10, 40, short('/'), short(''), Buffer.from([0])))
    socket.write(method(1, 20, 10, short('')))
    socket.write(method(1, 60, 40, Buffer.from([0, 0]), short(''), short(queue), Buffer.from([0])))
    // One byte of body; headers and message id.
    const start = Buffer.from([0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 0x80])
    socket.write(frame(2, 1, Buffer.concat([start, headers, short(id)])))
    socket.write(frame(3, 1, Buffer.from('x')))
    socket.write(method(1, 20, 40, Buffer.from([0, 200]), short(''), Buffer.alloc(4)))
    await answer(20, 41)
  } finally {
    socket.destroy()
  }
}

/** A table that holds a table that holds a table. */
export function nestedTable(levels: number): Buffer {
  const entries = Array.from({ length: levels }, (_, level) => {
    // Name `n`, type `F`, and the length of what is deeper.
    const entry = Buffer.from([1, 0x6e, 0x46, 0, 0, 0, 0])
    entry.writeUInt32BE((levels - 1 - level) * entry.length, 3)
    return entry
  })
  return long(Buffer.concat(entries))
}

const frame = (type: number, channel: number, payload: Buffer): Buffer => {
  const start = Buffer.from([type, 0, channel, 0, 0, 0, 0])
  start.writeUInt32BE(payload.length, 3)
  return Buffer.concat([start, payload, Buffer.from([0xce])])
}

export const method = (channel: number, classId: number, methodId: number, ...fields: readonly Buffer[]): Buffer =>
  frame(1, channel, Buffer.concat([Buffer.from([0, classId, 0, methodId]), ...fields]))

export const short = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])

export function long(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
