import http from 'node:http'
import net from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { HealthCheckConfig } from '../../config/model.ts'
import { logicalService } from './logical-service.ts'
import type { Service } from './service.ts'
import { deadOrigin, get, listening, patient, serviceConfig, testDeps, type TestDeps, type TestServer } from './test/fixtures.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const served = async (handler: http.RequestListener): Promise<TestServer> => {
  const server = await listening(http.createServer(handler))
  closing.push(() => server.close())
  return server
}

const probed = (urls: readonly string[], changes: Partial<HealthCheckConfig> = {}): { service: Service; deps: TestDeps } => {
  const deps = testDeps()
  const healthCheck = { path: '/health?deep=1', intervalMs: 10, timeoutMs: 500, healthyAfter: 1, unhealthyAfter: 2, ...changes }
  const service = logicalService(serviceConfig({ urls, healthCheck, maxConnections: 1, maxPending: 0 }), deps)
  closing.push(() => service.close())
  return { service, deps }
}

const states = (service: Service): readonly string[] => service.status().addresses.map((address) => address.state)
const errors = (service: Service): readonly (string | undefined)[] => service.status().addresses.map((address) => address.lastProbe?.error)

test('before its first probe has answered an address is unknown and gets calls', async () => {
  const { service } = probed([await deadOrigin()], { intervalMs: 60_000 })
  expect(states(service)).toEqual(['unknown'])
  expect(service.pick().origin).toMatch(/^http:/)
})

test('a probe is a GET of the configured path with the host of the address and the name of the probe', async () => {
  const seen = Promise.withResolvers<string[]>()
  const server = await served((request, response) => {
    seen.resolve([request.method ?? '', request.url ?? '', request.headers.host ?? '', request.headers['user-agent'] ?? ''])
    response.end()
  })
  const { service } = probed([server.origin])
  expect(await seen.promise).toEqual(['GET', '/health?deep=1', `127.0.0.1:${server.port}`, 'headgate-probe'])
  await expect.poll(() => states(service), patient).toEqual(['healthy'])
})

test('an address that answers 503 is taken out after unhealthy_after probes and comes back once it heals', async () => {
  let status = 503
  const sick = await served((_request, response) => response.writeHead(status).end())
  const well = await served((_request, response) => response.end())
  const { service, deps } = probed([sick.origin, well.origin])
  await expect.poll(() => states(service), patient).toEqual(['unhealthy', 'healthy'])
  expect(errors(service)).toEqual(['status 503', undefined])
  expect([1, 2, 3].map(() => service.pick().origin)).toEqual([well.origin, well.origin, well.origin])
  status = 302
  await expect.poll(() => states(service), patient).toEqual(['healthy', 'healthy'])
  expect(new Set([1, 2].map(() => service.pick().origin))).toEqual(new Set([sick.origin, well.origin]))
  expect(deps.changes).toEqual([`users ${sick.origin} out`, `users ${sick.origin} in`])
})

test('healthy_after good probes in a row are needed, and one bad one starts the count again', async () => {
  const answers = [503, 503, 200, 503, 200, 200]
  let probes = 0
  const server = await served((_request, response) => {
    response.writeHead(answers[probes] ?? 200).end()
    probes += 1
  })
  const { service } = probed([server.origin, await deadOrigin()], { healthyAfter: 2 })
  const history: string[] = []
  await expect
    .poll(() => {
      const [state = ''] = states(service)
      if (history.at(-1) !== state) history.push(state)
      return state
    }, patient)
    .toBe('healthy')
  expect(history).toEqual(['unknown', 'unhealthy', 'healthy'])
  expect(probes).toBeGreaterThanOrEqual(6)
})

test('an address that refuses connections and one that never answers are unhealthy', async () => {
  const hanging = await served(() => undefined)
  const { service } = probed([await deadOrigin(), hanging.origin], { timeoutMs: 50 })
  await expect.poll(() => states(service), patient).toEqual(['unhealthy', 'unhealthy'])
  expect(errors(service)[0]).toContain('ECONNREFUSED')
  expect(errors(service)[1]).toBe('no answer within 50 ms')
})

test('while no address is healthy all are used and the status says panic', async () => {
  const urls = [await deadOrigin(), await deadOrigin()]
  const { service } = probed(urls)
  await expect.poll(() => service.status().panic, patient).toBe(true)
  expect(new Set([1, 2].map(() => service.pick().origin))).toEqual(new Set(urls))
})

test('a probe does not begin before the one before it has ended', async () => {
  let [running, most, probes] = [0, 0, 0]
  const server = await served((_request, response) => {
    running += 1
    probes += 1
    most = Math.max(most, running)
    setTimeout(() => {
      running -= 1
      response.end()
    }, 40)
  })
  probed([server.origin], { intervalMs: 1 })
  await expect.poll(() => probes, patient).toBeGreaterThan(3)
  expect(most).toBe(1)
})

test('an endless or very long answer to a probe is cut off', async () => {
  let cut = 0
  const server = await served((_request, response) => {
    response.on('close', () => (cut += 1))
    const write = (): void => {
      while (!response.destroyed && response.write('x'.repeat(16_384)));
    }
    response.on('drain', write)
    write()
  })
  const { service } = probed([server.origin])
  await expect.poll(() => cut, patient).toBeGreaterThan(1)
  expect(states(service)).toEqual(['healthy'])
})

test('an answer that is not HTTP, an upgrade and an early close are failed probes and nothing worse', async () => {
  const said = async (text: string): Promise<string> => {
    const server = await listening(
      net.createServer((socket) => {
        socket.on('error', () => undefined).resume()
        socket.end(text)
      }),
    )
    closing.push(() => server.close())
    return server.origin
  }
  const { service } = probed([
    await said('hello\r\n\r\n'),
    await said('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    await said(''),
  ])
  await expect.poll(() => states(service), patient).toEqual(['unhealthy', 'unhealthy', 'unhealthy'])
})

test('a path that cannot be sent fails the probe', async () => {
  const { service } = probed([await deadOrigin()], { path: '/a b' })
  await expect.poll(() => errors(service)[0], patient).toContain('ERR_UNESCAPED_CHARACTERS')
})

test('probes get through while all connections of the pool are busy', async () => {
  const held: http.ServerResponse[] = []
  let probes = 0
  const server = await served((request, response) => {
    if (request.url === '/') held.push(response)
    else {
      probes += 1
      response.end()
    }
  })
  const { service } = probed([server.origin])
  const call = get(service.pick())
  await expect.poll(() => held.length, patient).toBe(1)
  const before = probes
  await expect.poll(() => probes, patient).toBeGreaterThan(before + 1)
  held[0]?.end('done')
  expect((await call).body).toBe('done')
})

test('closing ends a probe that is under way', async () => {
  const aborted = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const server = await served((_request, response) => {
    response.on('close', () => aborted.resolve())
    arrived.resolve()
  })
  const { service } = probed([server.origin], { timeoutMs: 60_000 })
  await arrived.promise
  await service.close()
  await expect(aborted.promise).resolves.toBeUndefined()
})
