import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** Answers by name and type; a missing name is NXDOMAIN, a missing type an empty answer, `silent` no answer at all. */
export interface Zone {
  [name: string]: NameRecords | 'silent' | 'servfail'
}

export interface NameRecords {
  readonly a?: readonly string[]
  readonly aaaa?: readonly string[]
  readonly srv?: readonly SrvRecord[]
}

export interface SrvRecord {
  readonly priority: number
  readonly weight: number
  readonly port: number
  readonly target: string
}

export interface DnsServer {
  readonly host: string
  readonly port: number
  /** May be changed while the server runs. */
  zone: Zone
  /** Names asked for, in order. */
  readonly asked: string[]
  close(): Promise<void>
}

const types = { a: 1, aaaa: 28, srv: 33 } as const

/** A DNS server over UDP on 127.0.0.1, as small as the tests allow. Source of the wire format: RFC 1035, 2782, 3596. */
export const dnsServer = async (zone: Zone): Promise<DnsServer> => {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server: DnsServer = {
    host: '127.0.0.1',
    port: socket.address().port,
    zone,
    asked: [],
    close: async () => {
      socket.close()
      await once(socket, 'close')
    },
  }
  socket.on('message', (query, peer) => {
    const { name, type, end } = question(query)
    server.asked.push(name)
    const records = server.zone[name.toLowerCase()]
    if (records === 'silent') return
    const answers = records === undefined || records === 'servfail' ? [] : recordData(records, type)
    const code = records === undefined ? 3 : records === 'servfail' ? 2 : 0
    socket.send(answer(query.subarray(0, end), type, code, answers), peer.port, peer.address)
  })
  return server
}

const question = (query: Buffer): { name: string; type: number; end: number } => {
  const labels: string[] = []
  let offset = 12
  for (let length = query.readUInt8(offset); length > 0; length = query.readUInt8(offset)) {
    labels.push(query.toString('latin1', offset + 1, offset + 1 + length))
    offset += 1 + length
  }
  return { name: labels.join('.'), type: query.readUInt16BE(offset + 1), end: offset + 5 }
}

const recordData = (records: NameRecords, type: number): readonly Buffer[] => {
  if (type === types.a) return (records.a ?? []).map((ip) => Buffer.from(ip.split('.').map(Number)))
  if (type === types.aaaa) return (records.aaaa ?? []).map(ipv6Bytes)
  return type === types.srv ? (records.srv ?? []).map(srvBytes) : []
}

const ipv6Bytes = (ip: string): Buffer => {
  const [head = '', tail = ''] = ip.split('::')
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const [first, last] = [groups(head), groups(tail)]
  const bytes = Buffer.alloc(16)
  for (const [index, group] of first.entries()) bytes.writeUInt16BE(group, index * 2)
  for (const [index, group] of last.entries()) bytes.writeUInt16BE(group, (8 - last.length + index) * 2)
  return bytes
}

const srvBytes = ({ priority, weight, port, target }: SrvRecord): Buffer => {
  const fixed = Buffer.alloc(6)
  fixed.writeUInt16BE(priority, 0)
  fixed.writeUInt16BE(weight, 2)
  fixed.writeUInt16BE(port, 4)
  const labels = target.split('.').filter((label) => label !== '')
  return Buffer.concat([fixed, ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.from([0])])
}

const answer = (query: Buffer, type: number, code: number, records: readonly Buffer[]): Buffer => {
  const header = Buffer.from(query)
  header.writeUInt16BE(0x8180 | code, 2)
  header.writeUInt16BE(records.length, 6)
  header.writeUInt32BE(0, 8)
  const rows = records.map((data) => {
    const row = Buffer.alloc(12)
    row.writeUInt16BE(0xc00c, 0)
    row.writeUInt16BE(type, 2)
    row.writeUInt16BE(1, 4)
    row.writeUInt32BE(0, 6)
    row.writeUInt16BE(data.length, 10)
    return Buffer.concat([row, data])
  })
  return Buffer.concat([header, ...rows])
}
