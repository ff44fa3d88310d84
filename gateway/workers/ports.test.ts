import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayConfig } from '../../config/model.ts'
import { pinPorts } from './ports.ts'

let taken: Server
let takenPort: number

beforeEach(async () => {
  taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  takenPort = (taken.address() as AddressInfo).port
})

afterEach(() => new Promise<void>((resolve) => taken.close(() => resolve())))

// No more of a configuration is read.
const configOf = (port: number, name = 'main'): GatewayConfig =>
  ({ listeners: [{ name, address: { host: '127.0.0.1', port }, trustedProxies: [] }] }) as unknown as GatewayConfig

const portOf = (config: GatewayConfig): number | undefined => config.listeners[0]?.address.port

test('port 0 becomes one free port for all workers', async () => {
  const port = portOf(await pinPorts(configOf(0), undefined, []))
  expect(port).toBeGreaterThan(0)
  expect(port).not.toBe(takenPort)
})

test('a port that was picked stays picked over reloads', async () => {
  const first = await pinPorts(configOf(0), undefined, [])
  const bound = [{ name: 'main', host: '127.0.0.1', port: portOf(first) ?? 0 }]
  expect(portOf(await pinPorts(configOf(0), first, bound))).toBe(portOf(first))
})

test('a port that another program has is found out before any worker starts', async () => {
  await expect(pinPorts(configOf(takenPort), undefined, [])).rejects.toMatchObject({ code: 'EADDRINUSE', port: takenPort })
})

test('a port of this gateway may pass from one listener to another', async () => {
  const active = configOf(takenPort, 'old')
  const bound = [{ name: 'old', host: '127.0.0.1', port: takenPort }]
  expect(portOf(await pinPorts(configOf(takenPort, 'new'), active, bound))).toBe(takenPort)
})
