import http from 'node:http'
import { afterEach, expect, test } from 'vitest'
import type { ServiceConfig } from '../../config/model.ts'
import type { GatewayError } from '../errors.ts'
import { logicalService } from './logical-service.ts'
import type { Service } from './service.ts'
import { get, listening, patient, serviceConfig, testDeps, type TestDeps } from './test/fixtures.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

const built = (changes: Partial<ServiceConfig>): { service: Service; deps: TestDeps } => {
  const deps = testDeps()
  const service = logicalService(serviceConfig(changes), deps)
  closing.push(() => service.close())
  return { service, deps }
}

const thrownBy = (action: () => unknown): string | undefined => {
  try {
    action()
    return undefined
  } catch (error) {
    return (error as GatewayError).code
  }
}

const fail = (service: Service, origin: string, times: number): void => {
  for (let count = 0; count < times; count += 1) {
    let upstream = service.pick()
    while (upstream.origin !== origin) upstream = service.pick()
    upstream.begin()
    upstream.end('failed')
  }
}

const one = 'http://10.0.0.1'
const two = 'http://10.0.0.2:81'
const both = { urls: [one, two], passiveHealth: { failures: 3, ejectForMs: 5_000 } }

test('the authority of a fixed address is its host, with the port only where it is not the default', () => {
  const { service } = built({ urls: ['http://api.example.com:80', 'https://api.example.com:443', 'http://[::1]:8080'] })
  expect(service.status().addresses.map(({ origin, authority }) => [origin, authority])).toEqual([
    ['http://api.example.com', 'api.example.com'],
    ['https://api.example.com', 'api.example.com'],
    ['http://[::1]:8080', '[::1]:8080'],
  ])
})

test('a service without any address answers NO_UPSTREAM', () => {
  const { service } = built({})
  expect(thrownBy(() => service.pick())).toBe('NO_UPSTREAM')
})

test('a service whose every address has max_connections + max_pending calls answers UPSTREAM_BUSY until one ends', () => {
  const { service } = built({ urls: [one, two], maxConnections: 1, maxPending: 1 })
  const picked = [1, 2, 3, 4].map(() => {
    const upstream = service.pick()
    upstream.begin()
    return upstream
  })
  expect(picked.map((upstream) => upstream.origin)).toEqual([one, two, one, two])
  expect(thrownBy(() => service.pick())).toBe('UPSTREAM_BUSY')
  picked[1]?.end('ok')
  expect(service.pick().origin).toBe(two)
  for (const upstream of [0, 2, 3].map((index) => picked[index])) upstream?.end('ok')
})

test('an address on which calls keep failing is ejected, and comes back when its time is over', () => {
  const { service, deps } = built(both)
  fail(service, two, 3)
  expect(service.status().addresses.map((address) => address.state)).toEqual(['unknown', 'ejected'])
  expect([1, 2, 3].map(() => service.pick().origin)).toEqual([one, one, one])
  deps.clockMs += 4_999
  expect([1, 2].map(() => service.pick().origin)).toEqual([one, one])
  deps.clockMs += 1
  expect(new Set([1, 2].map(() => service.pick().origin))).toEqual(new Set([one, two]))
  expect(deps.changes).toEqual([`users ${two} out`, `users ${two} in`])
})

test('a success in between starts the count of failures again', () => {
  const { service } = built(both)
  fail(service, two, 2)
  const upstream = service.pick(service.pick())
  upstream.begin()
  upstream.end('ok')
  let other = service.pick()
  while (other.origin !== two) other = service.pick()
  other.begin()
  other.end('ok')
  fail(service, two, 2)
  expect(service.status().addresses.every((address) => address.state === 'unknown')).toBe(true)
})

test('clients that go away count neither way', () => {
  const { service } = built(both)
  fail(service, two, 2)
  for (let count = 0; count < 10; count += 1) {
    const upstream = service.pick()
    upstream.begin()
    upstream.end('neutral')
  }
  expect(service.status().addresses.map((address) => address.state)).toEqual(['unknown', 'unknown'])
  fail(service, two, 1)
  expect(service.status().addresses.map((address) => address.state)).toEqual(['unknown', 'ejected'])
})

test('after its ejection one more failure is enough to eject an address again', () => {
  const { service, deps } = built(both)
  fail(service, two, 3)
  deps.clockMs += 5_000
  fail(service, two, 1)
  expect(service.status().addresses[1]?.state).toBe('ejected')
})

test('the last usable address is never ejected', () => {
  const { service } = built(both)
  fail(service, two, 3)
  fail(service, one, 50)
  expect(service.status()).toMatchObject({ panic: false, addresses: [{ state: 'unknown' }, { state: 'ejected' }] })
  expect(service.pick().origin).toBe(one)
})

test('an ejection ends when the clock is set to an earlier time', () => {
  const { service, deps } = built(both)
  fail(service, two, 3)
  deps.clockMs -= 3_600_000
  expect(new Set([1, 2].map(() => service.pick().origin))).toEqual(new Set([one, two]))
})

test('without passive health no number of failures ejects', () => {
  const { service } = built({ urls: [one, two] })
  fail(service, two, 100)
  expect(service.status().addresses.map((address) => address.state)).toEqual(['unknown', 'unknown'])
})

test('closing lets the call in flight finish, and refuses new ones', async () => {
  const pending = Promise.withResolvers<http.ServerResponse>()
  const server = await listening(http.createServer((_request, response) => pending.resolve(response)))
  closing.push(() => server.close())
  const { service } = built({ urls: [server.origin] })
  const answer = get(service.pick())
  const response = await pending.promise
  const closed = service.close()
  expect(thrownBy(() => service.pick())).toBe('NO_UPSTREAM')
  expect(service.close()).toBe(closed)
  response.end('late')
  expect(await answer).toEqual({ status: 200, body: 'late' })
  await closed
})

test('an exception in the handler of a call is logged and harms nobody else', async () => {
  const server = await listening(http.createServer((_request, response) => response.destroy()))
  closing.push(() => server.close())
  const { service, deps } = built({ urls: [server.origin] })
  const failed = Promise.withResolvers<void>()
  service.pick().dispatcher.dispatch(
    { origin: server.origin, path: '/', method: 'GET' },
    {
      onRequestStart: () => undefined,
      onResponseStart: () => undefined,
      onResponseData: () => undefined,
      onResponseEnd: () => undefined,
      onResponseError: () => {
        failed.resolve()
        throw new Error('bug in a handler')
      },
    },
  )
  await failed.promise
  await expect.poll(() => deps.logged, patient).toContain('a handler of a call threw')
})
