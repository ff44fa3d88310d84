import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { long, method, short } from '../../../test/kit/amqp-frames.ts'
import { brokerDeps, rabbitmqConfig } from '../../../test/kit/rabbitmq-broker.ts'
import type { LogLine } from '../../../test/kit/rabbitmq-broker.ts'
import { until } from '../../../test/kit/until.ts'
import type { BrokerDeps } from '../broker.ts'
import { nodeAddresses } from './address.ts'
import { Link } from './link.ts'

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

test('the time to wait for a connection does not depend on the clock of the machine', async () => {
  const port = await startNode(() => undefined)
  let clockMs = Date.now()
  // Set back again and again.
  const link = openLink(port, { ...brokerDeps(), now: () => (clockMs -= 3_600_000) })
  expect(await link.ready(100)).toBeUndefined()
})

test('a node that takes connections and says nothing is reported once, not at every attempt', async () => {
  const port = await startNode(() => undefined)
  const lines: LogLine[] = []
  openLink(port, brokerDeps(lines), 1100).start()
  await until('the second attempt has failed', () => lines.length === 2)
  expect(lines.map(({ level }) => level)).toEqual(['warn', 'debug'])
})

test('a connection that ends in the moment of its opening is made again', async () => {
  let connections = 0
  const port = await startNode((socket) => {
    connections += 1
    refuseAfterOpening(socket)
  })
  openLink(port, brokerDeps()).start()
  await until('it tries again', () => connections === 2)
})

function openLink(port: number, deps: BrokerDeps, connectTimeoutMs = 5000): Link {
  const nodes = nodeAddresses(rabbitmqConfig([`amqp://127.0.0.1:${port}`]))
  const link = new Link({ role: 'publish', broker: 'default', nodes, connectTimeoutMs }, deps)
  opened.push(() => link.close())
  return link
}

async function startNode(onConnection: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    opened.push(() => Promise.resolve(void socket.destroy()))
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.push(() => Promise.resolve(void server.close()))
  return (server.address() as AddressInfo).port
}

/** As a node does that is told to shut down in this moment: the answer and the end in one packet. */
function refuseAfterOpening(socket: Socket): void {
  const start = method(0, 10, 10, Buffer.from([0, 9]), long(Buffer.alloc(0)), long(Buffer.from('PLAIN')), long(Buffer.from('en_US')))
  const tune = method(0, 10, 30, Buffer.from([7, 255, 0, 2, 0, 0, 0, 0]))
  const openOk = method(0, 10, 41, short(''))
  const close = method(0, 10, 50, Buffer.from([1, 64]), short('CONNECTION_FORCED'), Buffer.alloc(4))
  const answers = [start, tune, Buffer.concat([openOk, close])]
  socket.on('data', () => {
    const answer = answers.shift()
    if (answer !== undefined) socket.write(answer)
  })
}
