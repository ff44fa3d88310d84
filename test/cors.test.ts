import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway } from './kit/gateway.ts'
import type { TestGateway } from './kit/gateway.ts'
import { raw } from './kit/raw.ts'
import type { RawAnswer } from './kit/raw.ts'
import { freePort, startUpstream } from './kit/upstream.ts'
import type { TestUpstream } from './kit/upstream.ts'

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream((_req, res) => {
    res.setHeader('access-control-allow-origin', '*')
    res.setHeader('access-control-allow-credentials', 'true')
    res.setHeader('vary', 'Accept')
    res.end('{}')
  })
  gateway = await startGateway(`
services:
  a: { urls: ["${upstream.url}"] }
  dead: { urls: ["http://127.0.0.1:${await freePort()}"] }
routing_rules:
  - { path: /*, service: a }
  - path: /api/things
    methods: [GET, PUT]
    service: a
    cors: { origins: ["https://app.example.com"], methods: [GET, PUT], headers: [x-token], expose_headers: [x-total], credentials: true, max_age: 5m }
  - { path: /api/dead, service: dead, cors: { origins: ["https://app.example.com"] } }
  - { path: /api/fixed, respond: { body: hi }, cors: { origins: ["*"] } }
  - { path: /api/closed, methods: [GET], service: a }
`)
})

afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const ask = (line: string, ...headers: readonly string[]): Promise<RawAnswer> =>
  raw(gateway.port, [`${line} HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n'))
const all = (answer: RawAnswer, name: string): string[] =>
  [...answer.head.matchAll(new RegExp(`^${name}: (.*)$`, 'gim'))].map(([, value]) => (value as string).trim())
const app = 'Origin: https://app.example.com'

test('a preflight request is answered by the rule of the request it asks about, though that rule does not name OPTIONS', async () => {
  const answer = await ask('OPTIONS /api/things', app, 'Access-Control-Request-Method: PUT', 'Access-Control-Request-Headers: x-token')
  expect(answer).toMatchObject({ status: 204, body: '' })
  expect(all(answer, 'access-control-allow-origin')).toEqual(['https://app.example.com'])
  expect(all(answer, 'access-control-allow-methods')).toEqual(['GET, PUT'])
  expect(all(answer, 'access-control-allow-headers')).toEqual(['x-token'])
  expect(all(answer, 'access-control-allow-credentials')).toEqual(['true'])
  expect(all(answer, 'access-control-max-age')).toEqual(['300'])
  expect(all(answer, 'vary')).toEqual(['Origin'])
  expect(upstream.seen).toEqual([])
})

test('a preflight request from elsewhere is answered without a grant', async () => {
  const answer = await ask('OPTIONS /api/things', 'Origin: https://evil.example.com', 'Access-Control-Request-Method: PUT')
  expect(answer.status).toBe(204)
  expect(answer.head.toLowerCase()).not.toContain('access-control')
})

test.each([
  ['a rule without CORS gets preflight requests like any other', '/other', 'PUT', 200],
  ['a rule without CORS that does not name OPTIONS passes them by', '/api/closed', 'GET', 200],
])('%s', async (_, path, method, status) => {
  const answer = await ask(`OPTIONS ${path}`, app, `Access-Control-Request-Method: ${method}`)
  expect(answer.status).toBe(status)
  expect(all(answer, 'access-control-allow-methods')).toEqual([])
})

describe('an answer', () => {
  test('says what the rule says, not what the service says', async () => {
    const answer = await ask('GET /api/things', app)
    expect(all(answer, 'access-control-allow-origin')).toEqual(['https://app.example.com'])
    expect(all(answer, 'access-control-expose-headers')).toEqual(['x-total'])
    expect(all(answer, 'vary')).toEqual(['Accept', 'Origin'])
  })

  test('to another origin grants nothing, whatever the service says', async () => {
    const answer = await ask('GET /api/things', 'Origin: https://evil.example.com')
    expect(answer).toMatchObject({ status: 200 })
    expect(answer.head.toLowerCase()).not.toContain('access-control')
    expect(all(answer, 'vary')).toEqual(['Accept', 'Origin'])
  })

  test('that is a problem can be read by the scripts that asked', async () => {
    const answer = await ask('GET /api/dead', app)
    expect(answer.status).toBe(502)
    expect(all(answer, 'access-control-allow-origin')).toEqual(['https://app.example.com'])
  })

  test('that is fixed has them too', async () => {
    expect(all(await ask('GET /api/fixed', app), 'access-control-allow-origin')).toEqual(['*'])
    expect((await ask('OPTIONS /api/fixed', app, 'Access-Control-Request-Method: GET')).status).toBe(204)
  })
})
