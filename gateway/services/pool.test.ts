import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import https from 'node:https'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HealthCheckConfig, ServiceConfig, UpstreamTlsConfig } from '../../config/model.ts'
import { logicalService } from './logical-service.ts'
import type { Service } from './service.ts'
import { dnsServer } from './test/dns-server.ts'
import { get, listening, patient, serviceConfig, testDeps, type TestServer } from './test/fixtures.ts'

test('the connect timeout covers a TLS handshake that never ends', async () => {
  const sockets: net.Socket[] = []
  const silent = net.createServer((socket) => sockets.push(socket.on('error', () => undefined)))
  const server = await listening(silent, 'https')
  const service = logicalService(serviceConfig({ urls: [server.origin], connectTimeoutMs: 100 }), testDeps())
  await expect(get(service.pick())).rejects.toMatchObject({ code: 'UND_ERR_CONNECT_TIMEOUT' })
  await service.close()
  for (const socket of sockets) socket.destroy()
  await server.close()
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

describe.skipIf(!hasOpenssl)('TLS (needs the openssl command)', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'headgate-tls-'))
  let server: TestServer
  let certificate: string
  let connections = 0
  const names: (string | false | undefined)[] = []
  /** More than the two connections that undici opens when a call follows at once on the one before. */
  const hosts = Array.from({ length: 8 }, (_, index) => `host-${index}.example`)

  beforeAll(async () => {
    const made = selfSigned(folder, 'users', 'DNS:users.internal,IP:127.0.0.1')
    certificate = made.cert
    const listener = https.createServer(made, (request, response) => response.end(request.headers.host))
    listener.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
      connections += 1
      names.push(socket.servername)
    })
    listener.on('tlsClientError', () => undefined)
    server = await listening(listener, 'https')
  })
  afterAll(async () => {
    await server.close()
    rmSync(folder, { recursive: true })
  })

  const using = async <T>(changes: Partial<ServiceConfig>, use: (service: Service) => Promise<T>): Promise<T> => {
    const service = logicalService(serviceConfig({ urls: [server.origin], ...changes }), testDeps())
    try {
      await service.ready
      return await use(service)
    } finally {
      await service.close()
    }
  }
  const asked = (tls?: UpstreamTlsConfig): Promise<number> =>
    using(tls === undefined ? {} : { tls }, async (service) => (await get(service.pick())).status)

  test('a self-signed certificate is refused when tls is absent', async () => {
    await expect(asked()).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })

  test('a self-signed certificate is refused with verify: true', async () => {
    await expect(asked({ verify: true })).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })

  test('a self-signed certificate is accepted with verify: false', async () => {
    expect(await asked({ verify: false })).toBe(200)
  })

  test('a certificate that the configured authority has signed is accepted', async () => {
    expect(await asked({ verify: true, ca: certificate })).toBe(200)
  })

  test('a certificate for another name is refused', async () => {
    await expect(asked({ verify: true, ca: certificate, serverName: 'other.internal' })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  })

  test('the host of a call decides neither the certificate that is accepted nor the connection that is used', async () => {
    await using({ tls: { verify: true, ca: certificate, serverName: 'users.internal' } }, async (service) => {
      const before = connections
      for (const host of hosts) expect((await get(service.pick(), { host })).body).toBe(host)
      expect(connections - before).toBeLessThanOrEqual(2)
      expect(names.at(-1)).toBe('users.internal')
    })
  })

  test('an address without a name is checked against the address, whatever the host of the call', async () => {
    await using({ tls: { verify: true, ca: certificate } }, async (service) => {
      const before = connections
      for (const host of hosts) expect((await get(service.pick(), { host })).body).toBe(host)
      expect(connections - before).toBeLessThanOrEqual(2)
    })
  })

  test('addresses found by DNS are checked against the name that was looked up', async () => {
    const zone = await dnsServer({ 'users.internal': { a: ['127.0.0.1'] }, 'other.internal': { a: ['127.0.0.1'] } })
    const dns = (name: string): Partial<ServiceConfig> => ({
      urls: [],
      tls: { verify: true, ca: certificate },
      dns: { name, port: server.port, refreshMs: 60_000, servers: [{ host: zone.host, port: zone.port }] },
    })
    expect((await using(dns('users.internal'), (service) => get(service.pick()))).body).toBe(`users.internal:${server.port}`)
    await expect(using(dns('other.internal'), (service) => get(service.pick()))).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    await zone.close()
  })

  test('probes check certificates by the same rules as calls', async () => {
    const healthCheck: HealthCheckConfig = { path: '/', intervalMs: 10, timeoutMs: 1_000, healthyAfter: 1, unhealthyAfter: 1 }
    const state = (tls: UpstreamTlsConfig | undefined): Promise<string | undefined> =>
      using({ healthCheck, ...(tls === undefined ? {} : { tls }) }, async (service) => {
        const read = (): string | undefined => service.status().addresses[0]?.state
        await expect.poll(read, patient).not.toBe('unknown')
        return read()
      })
    expect(await state(undefined)).toBe('unhealthy')
    expect(await state({ verify: true })).toBe('unhealthy')
    expect(await state({ verify: false })).toBe('healthy')
    expect(await state({ verify: true, ca: certificate })).toBe('healthy')
    expect(await state({ verify: true, ca: certificate, serverName: 'other.internal' })).toBe('unhealthy')
  })

  test('300 refused certificates leave no sockets behind', async () => {
    const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
    await using({}, async (service) => {
      const before = sockets()
      for (let round = 0; round < 30; round += 1) {
        const calls = await Promise.allSettled(Array.from({ length: 10 }, () => get(service.pick())))
        expect(calls.every((call) => call.status === 'rejected')).toBe(true)
      }
      await expect.poll(sockets, patient).toBeLessThanOrEqual(before)
      expect(service.status().addresses[0]?.inFlight).toBe(0)
    })
  })

  test('a client certificate is shown to a service that asks for one', async () => {
    const client = selfSigned(folder, 'gateway', 'DNS:gateway.internal')
    const own = { key: readFileSync(path.join(folder, 'users.key'), 'utf8'), cert: certificate }
    const strict = await listening(
      https
        .createServer({ ...own, ca: client.cert, requestCert: true, rejectUnauthorized: true }, (_request, response) => response.end('known'))
        .on('tlsClientError', () => undefined),
      'https',
    )
    const urls = [strict.origin]
    expect((await using({ urls, tls: { verify: true, ca: certificate, ...client } }, (service) => get(service.pick()))).body).toBe('known')
    await expect(using({ urls, tls: { verify: true, ca: certificate } }, (service) => get(service.pick()))).rejects.toThrow(
      /certificate required|closed|reset/i,
    )
    await strict.close()
  })
})

const selfSigned = (folder: string, name: string, altNames: string): { key: string; cert: string } => {
  const [key, cert] = [path.join(folder, `${name}.key`), path.join(folder, `${name}.crt`)]
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${altNames}`]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject],
    { stdio: 'ignore' },
  )
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
