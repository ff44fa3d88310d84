export interface Address {
  /** Host name or IP address, without brackets. */
  readonly host: string
  readonly port: number
}

export interface ServiceConfig {
  readonly name: string
  /** Origins such as `http://127.0.0.1:9101`. */
  readonly urls: readonly string[]
  readonly dns?: DnsConfig
  readonly loadBalancing: 'round_robin' | 'least_requests' | 'random'
  readonly healthCheck?: HealthCheckConfig
  readonly passiveHealth?: { readonly failures: number; readonly ejectForMs: number }
  readonly connectTimeoutMs: number
  readonly maxConnections: number
  readonly maxPending: number
  readonly hostHeader: 'upstream' | 'client'
  readonly tls?: UpstreamTlsConfig
}

export interface DnsConfig {
  readonly name: string
  /** Undefined for SRV names, whose records carry the port. */
  readonly port?: number
  readonly refreshMs: number
  /** Empty: the machine's own. */
  readonly servers: readonly Address[]
}

export interface HealthCheckConfig {
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyAfter: number
  readonly unhealthyAfter: number
}

export interface UpstreamTlsConfig {
  readonly verify: boolean
  readonly serverName?: string
  /** PEM contents, read and checked at load time. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}
