import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GatewayError } from '../errors.ts'
import { slowClients } from './slow-clients.ts'

let client: Socket
let served: Socket
let close: () => void

beforeEach(async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => undefined)
  client.pause()
  ;[served] = await accepted
  served.on('error', () => undefined)
  close = () => {
    client.destroy()
    served.destroy()
    server.close()
  }
})

afterEach(() => close())

const muchBytes = 32 * 1024 * 1024

test('a client that takes nothing is cut after the time, and the reason is kept', () => {
  const clock = { ms: 0 }
  const slow = slowClients(() => clock.ms)
  slow.watch(served)
  served.write(Buffer.alloc(muchBytes))
  slow.cut(1000)
  clock.ms = 999
  slow.cut(1000)
  expect(served.destroyed).toBe(false)
  clock.ms = 1000
  slow.cut(1000)
  expect(served.destroyed).toBe(true)
  expect(served.errored).toBeInstanceOf(GatewayError)
  expect(served.errored).toMatchObject({ code: 'CLIENT_TIMEOUT' })
})

test('a client that has taken something in the meantime is not cut', async () => {
  const clock = { ms: 0 }
  const slow = slowClients(() => clock.ms)
  slow.watch(served)
  served.write(Buffer.alloc(muchBytes))
  served.write(Buffer.alloc(muchBytes))
  slow.cut(1000)
  const first = served.writableLength
  client.resume()
  await once(served, 'drain')
  served.write(Buffer.alloc(muchBytes))
  client.pause()
  expect(served.writableLength).not.toBe(first)
  clock.ms = 5000
  slow.cut(1000)
  expect(served.destroyed).toBe(false)
})

test('a connection on which nothing waits may be silent for any time', () => {
  const clock = { ms: 0 }
  const slow = slowClients(() => clock.ms)
  slow.watch(served)
  slow.cut(1000)
  clock.ms = 1e9
  slow.cut(1000)
  expect(served.destroyed).toBe(false)
})
