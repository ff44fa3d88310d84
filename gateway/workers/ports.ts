import { createServer } from 'node:net'
import type { Address, GatewayConfig, ListenerConfig } from '../../config/model.ts'
import type { BoundListener } from '../fleet.ts'

/**
 * Gives every worker the same concrete ports, and finds out before any worker starts whether an address is free:
 * with SO_REUSEPORT a second gateway would otherwise share the port with the first in silence.
 * @throws The system error of `listen` (EADDRINUSE, EACCES, EADDRNOTAVAIL).
 */
export const pinPorts = async (config: GatewayConfig, active: GatewayConfig | undefined, bound: readonly BoundListener[]): Promise<GatewayConfig> => {
  const listeners: ListenerConfig[] = []
  for (const listener of config.listeners) listeners.push({ ...listener, address: await pinned(listener, active, bound) })
  return { ...config, listeners }
}

const pinned = async ({ name, address }: ListenerConfig, active: GatewayConfig | undefined, bound: readonly BoundListener[]): Promise<Address> => {
  const known = bound.find((listener) => listener.name === name)
  const before = active?.listeners.find((listener) => listener.name === name)?.address
  // A free port that was picked stays picked for as long as the listener keeps its name and host.
  if (known !== undefined && before?.host === address.host && (address.port === 0 || address.port === known.port)) {
    return { host: address.host, port: known.port }
  }
  // Another listener of this very gateway may hold the address until the swap; the workers themselves will tell.
  const ours = active?.listeners.some((listener) => listener.address.host === address.host && listener.address.port === address.port)
  if (ours === true) return address
  return { host: address.host, port: await freePort(address) }
}

const freePort = ({ host, port }: Address): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ host, port, exclusive: true }, () => {
      const bound = probe.address()
      probe.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : port))
    })
  })
