import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import type { ServiceConfig } from '../../../config/model.ts'
import type { ServiceDeps, Upstream } from '../service.ts'

export const serviceConfig = (changes: Partial<ServiceConfig> = {}): ServiceConfig => ({
  name: 'users',
  urls: [],
  loadBalancing: 'round_robin',
  connectTimeoutMs: 1_000,
  maxConnections: 8,
  maxPending: 8,
  hostHeader: 'upstream',
  ...changes,
})

export interface TestDeps extends ServiceDeps {
  /** What `now()` reads; set it to travel. */
  clockMs: number
  readonly changes: string[]
  readonly logged: string[]
}

/** Fixed clock and randomness; everything announced is kept. */
export const testDeps = (): TestDeps => {
  const deps: TestDeps = {
    clockMs: 1_000_000,
    changes: [],
    logged: [],
    log: {
      debug: () => undefined,
      info: (_fields, message) => deps.logged.push(message),
      warn: (_fields, message) => deps.logged.push(message),
      error: (_fields, message) => deps.logged.push(message),
    },
    now: () => deps.clockMs,
    random: () => 0,
    onHealthChange: (service, origin, healthy) => deps.changes.push(`${service} ${origin} ${healthy ? 'in' : 'out'}`),
  }
  return deps
}

export interface TestServer {
  readonly origin: string
  readonly port: number
  close(): Promise<void>
}

export const listening = async (server: Server, scheme: 'http' | 'https' = 'http', host = '127.0.0.1'): Promise<TestServer> => {
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    origin: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    close: async () => {
      server.close()
      if (server instanceof http.Server) server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** A port of 127.0.0.1 on which nobody listens. */
export const deadOrigin = async (): Promise<string> => {
  const server = await listening(http.createServer())
  await server.close()
  return server.origin
}

/** One GET through the pool of an address, counted like the data plane does it. */
export const get = async (upstream: Upstream, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> => {
  upstream.begin()
  try {
    const result = await upstream.dispatcher.request({
      origin: upstream.origin,
      path: '/',
      method: 'GET',
      headers: { host: upstream.authority, ...headers },
    })
    const body = await result.body.text()
    upstream.end('ok')
    return { status: result.statusCode, body }
  } catch (error) {
    upstream.end('failed')
    throw error
  }
}

/** For `expect.poll`: often enough to see short states, long enough for a busy machine. */
export const patient = { timeout: 15_000, interval: 2 } as const
