import { isIP } from 'node:net'
import type { ServiceConfig } from '../../config/model.ts'
import type { Endpoint } from './resolver.ts'

/** Where an address is, before it has a pool. */
export interface Place {
  readonly origin: string
  readonly authority: string
  /** Host that a certificate must name when the settings give no other. */
  readonly host: string
  readonly weight: number
}

export const fixedPlace = (url: string): Place => {
  const { origin, host, hostname } = new URL(url)
  return { origin, authority: host, host: hostname.replace(/^\[|\]$/g, ''), weight: 1 }
}

/** Addresses found by DNS are spoken to in TLS when the service has `tls` settings or the port is 443. */
export const foundPlace = ({ ip, port, host, weight }: Endpoint, config: ServiceConfig): Place => {
  const scheme = config.tls !== undefined || port === 443 ? 'https' : 'http'
  const named = new URL(`${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`)
  return { origin: new URL(`${scheme}://${isIP(ip) === 6 ? `[${ip}]` : ip}:${port}`).origin, authority: named.host, host, weight }
}
