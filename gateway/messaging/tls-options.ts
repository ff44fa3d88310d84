import { isIP } from 'node:net'
import type { UpstreamTlsConfig } from '../../config/model.ts'

/** What every client library hands on to `tls.connect`. */
export interface TlsOptions {
  readonly rejectUnauthorized: boolean
  /** Sent to the server (SNI), and expected in its certificate. */
  readonly servername?: string
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/**
 * TLS towards a broker or store. The certificate is checked unless the configuration says `verify: false`.
 * @param hostname Of the address, an IPv6 one without its brackets: the name where the configuration has none. An IP address is no name for SNI
 * (RFC 6066). Absent where the server is not known beforehand: its certificate is then checked for the host that is connected to.
 */
export function tlsOptions(tls: UpstreamTlsConfig | undefined, hostname?: string): TlsOptions {
  const servername = tls?.serverName ?? (hostname === undefined || isIP(hostname) !== 0 ? undefined : hostname)
  return {
    rejectUnauthorized: tls?.verify !== false,
    ...(servername === undefined ? {} : { servername }),
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key }),
  }
}
