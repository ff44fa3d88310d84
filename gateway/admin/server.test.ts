import { connect } from 'node:net'
import { request } from 'node:http'
import type { IncomingHttpHeaders, RequestOptions } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { metrics } from '../observe/metrics.ts'
import { adminServer } from './server.ts'
import type { AdminBackend, AdminServer } from './server.ts'

const state = { generation: 3, hash: 'abc', changed: true }
const noMessaging: AdminBackend['messaging'] = {
  queues: () => [],
  deadLetters: () => undefined,
  consumers: async () => [],
  pause: async () => false,
  resume: async () => false,
}
let backend: { -readonly [Key in keyof AdminBackend]: AdminBackend[Key] }
let errors: unknown[]
let server: AdminServer

beforeEach(async () => {
  errors = []
  const { registry } = metrics({ process: false })
  backend = {
    ready: () => ({ ready: true }),
    metrics: () => registry.metrics(),
    status: async () => ({ generation: 3, routes: ['/a'] }),
    reload: async () => ({ ok: true, ...state }),
    messaging: noMessaging,
  }
  server = await start()
})
afterEach(() => server.close())

const start = (): Promise<AdminServer> =>
  adminServer({ host: '127.0.0.1', port: 0 }, backend, {
    onError: (error) => void errors.push(error),
    timeouts: { headersMs: 200, requestMs: 200, checkMs: 20, closeMs: 100 },
  })

interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const ask = (method: string, path: string, options: RequestOptions = {}, body = ''): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const sent = request({ ...server.address, method, path, agent: false, ...options }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => void (text += String(chunk)))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })

/** Everything the server says to raw bytes until it hangs up. */
const raw = (bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(server.address.port, server.address.host, () => socket.write(bytes))
    socket.on('data', (chunk) => void (text += chunk.toString('latin1')))
    socket.on('close', () => resolve(text))
    socket.on('error', (error) => (text === '' ? reject(error) : undefined))
  })

describe('endpoints', () => {
  test('/livez says ok', async () => {
    expect(await ask('GET', '/livez')).toMatchObject({ status: 200, body: 'ok\n' })
  })

  test('/readyz follows the backend, and says why not', async () => {
    expect(await ask('GET', '/readyz')).toMatchObject({ status: 200, body: '{\n  "ready": true\n}\n' })
    backend.ready = () => ({ ready: false, reason: 'draining' })
    const reply = await ask('GET', '/readyz')
    expect(reply.status).toBe(503)
    expect(JSON.parse(reply.body)).toEqual({ ready: false, reason: 'draining' })
  })

  test('/metrics is Prometheus text', async () => {
    const reply = await ask('GET', '/metrics')
    expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(reply.body).toContain('# TYPE integration_latency_ms histogram\n')
  })

  test('/status is JSON for people too', async () => {
    const reply = await ask('GET', '/status')
    expect(reply.headers['content-type']).toBe('application/json')
    expect(reply.body).toBe('{\n  "generation": 3,\n  "routes": [\n    "/a"\n  ]\n}\n')
  })

  test('POST /-/reload answers with the generation that serves', async () => {
    const reply = await ask('POST', '/-/reload')
    expect(reply.status).toBe(200)
    expect(JSON.parse(reply.body)).toEqual({ ok: true, ...state })
  })

  test('POST /-/reload of a bad configuration answers 422 with the diagnostics', async () => {
    const location = { file: 'gateway.yaml', line: 5, column: 7, endLine: 5, endColumn: 15 }
    const diagnostic = { code: 'HG1003', severity: 'error', title: 'unknown key', message: '`treshold` is not a key.', location } as const
    backend.reload = async () => ({ ok: false, ...state, changed: false, diagnostics: [diagnostic] })
    const reply = await ask('POST', '/-/reload')
    expect(reply.status).toBe(422)
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(reply.body)).toEqual({
      type: 'urn:headgate:error:config-rejected',
      title: 'The new configuration was not accepted',
      status: 422,
      detail: 'Nothing was changed: the configuration that served before still serves.',
      generation: 3,
      hash: 'abc',
      diagnostics: [diagnostic],
    })
  })

  test('/ lists what there is', async () => {
    expect((await ask('GET', '/')).body).toMatch(/^POST \/-\/reload +loads the configuration again$/m)
  })

  test('a query changes nothing', async () => {
    expect((await ask('GET', '/livez?verbose=1')).status).toBe(200)
  })

  test.each(['/', '/livez', '/readyz', '/metrics', '/status'])('HEAD %s has the headers of GET and no body', async (path) => {
    const [head, get] = [await ask('HEAD', path), await ask('GET', path)]
    expect(head).toMatchObject({ status: get.status, body: '' })
    expect(head.headers['content-length']).toBe(get.headers['content-length'])
  })

  test.each([
    ['POST', '/metrics', 'GET, HEAD'],
    ['DELETE', '/', 'GET, HEAD'],
    ['GET', '/-/reload', 'POST'],
    ['HEAD', '/-/reload', 'POST'],
  ])('%s %s is 405 with Allow: %s', async (method, path, allow) => {
    const reply = await ask(method, path)
    expect(reply.status).toBe(405)
    expect(reply.headers.allow).toBe(allow)
  })

  test.each(['/nope', '//livez', '/livez/', '/%6civez', '/../livez', 'http://127.0.0.1/livez', '*', '/__proto__'])(
    '%s is 404 and lists the paths',
    async (path) => {
      const reply = await ask('GET', path)
      expect(reply.status).toBe(404)
      const problem = JSON.parse(reply.body) as { readonly paths: readonly string[] }
      expect(problem).toMatchObject({ type: 'about:blank', title: 'Not Found' })
      expect(problem.paths.slice(0, 6)).toEqual(['/livez', '/readyz', '/metrics', '/status', '/-/reload', '/-/consumers'])
    },
  )
})

describe('guard', () => {
  test.each(['127.0.0.1:9900', 'localhost:9900', 'LOCALHOST', '[::1]:9900', '10.1.2.3'])('answers to Host: %s', async (host) => {
    expect((await ask('GET', '/livez', { headers: { host } })).status).toBe(200)
  })

  test.each(['attacker.example', 'attacker.example:9900', 'localhost.attacker.example', '127.0.0.1.attacker.example', ':9900'])(
    'refuses Host: %s, as DNS rebinding would send it',
    async (host) => {
      expect((await ask('GET', '/status', { headers: { host } })).status).toBe(421)
    },
  )

  test('answers to any name when it is not bound to the loopback address', async () => {
    await server.close()
    server = await adminServer({ host: '0.0.0.0', port: 0 }, backend, { onError: () => {} })
    expect((await ask('GET', '/livez', { headers: { host: 'gateway.internal' }, host: '127.0.0.1' })).status).toBe(200)
  })

  test.each(['http://localhost:9900', 'https://attacker.example', 'null'])('refuses a POST from a web page at %s', async (origin) => {
    let reloads = 0
    backend.reload = async () => ({ ok: true, ...state, generation: (reloads += 1) })
    expect((await ask('POST', '/-/reload', { headers: { origin } })).status).toBe(403)
    expect(reloads).toBe(0)
  })
})

describe('abuse', () => {
  test('a failing backend is a plain 500, and its error is reported', async () => {
    const error = new Error('secret of the backend')
    backend.status = () => Promise.reject(error)
    backend.ready = () => {
      throw error
    }
    for (const path of ['/status', '/readyz']) {
      const reply = await ask('GET', path)
      expect(reply.status).toBe(500)
      expect(reply.body).not.toContain('secret')
    }
    expect(errors).toEqual([error, error])
    expect((await ask('GET', '/livez')).status).toBe(200)
  })

  test('a small body is ignored', async () => {
    expect((await ask('POST', '/-/reload', {}, '{"force": true}')).status).toBe(200)
  })

  test('a large body is 413, announced or not', async () => {
    expect(await raw('POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n')).toMatch(/^HTTP\/1\.1 413 /)
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`
    expect(await raw(`POST /-/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`)).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('headers that never end are cut off', async () => {
    expect(await raw('GET /livez HTTP/1.1\r\nHost: localhost\r\n')).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('a body that never ends is cut off', async () => {
    await raw('POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345')
    expect((await ask('GET', '/livez')).status).toBe(200)
    expect(errors).toEqual([])
  })

  test.each([
    '\u0000\u0001\u0002\r\n\r\n',
    'GET /livez HTTP/1.1\r\n\r\n',
    'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
    `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  ])('outlives %j', async (bytes) => {
    await raw(bytes)
    expect((await ask('GET', '/livez')).status).toBe(200)
    expect(errors).toEqual([])
  })
})

describe('life', () => {
  test('an address that is taken rejects with the reason', async () => {
    await expect(adminServer(server.address, backend, { onError: () => {} })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('close ends idle connections and gives those under way a moment', async () => {
    let answer: (status: object) => void = () => {}
    const asked = new Promise<void>((resolve) => {
      backend.status = () =>
        new Promise((done) => {
          answer = done
          resolve()
        })
    })
    const reply = ask('GET', '/status')
    await asked
    const closed = server.close()
    answer({ late: true })
    expect((await reply).status).toBe(200)
    await closed
    await expect(ask('GET', '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('close does not wait for ever', async () => {
    const asked = new Promise<void>((resolve) => {
      backend.status = () => {
        resolve()
        return new Promise(() => {})
      }
    })
    const reply = ask('GET', '/status').catch((error: unknown) => error)
    await asked
    await server.close()
    expect(await reply).toMatchObject({ code: 'ECONNRESET' })
  })
})
