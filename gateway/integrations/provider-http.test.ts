import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:https'
import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { makeCertificates } from '../../test/kit/certificates.ts'
import { until } from '../../test/kit/until.ts'
import { type SeenRequest, startUpstream, type TestUpstream } from '../../test/kit/upstream.ts'
import { ProviderFailure, type ProviderRequest } from '../plugin.ts'
import { type ClosableProviderHttp, providerHttp, type ProviderHttpOptions } from './provider-http.ts'
import { providerTrace } from './provider-trace.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const upstream = async (handler?: Parameters<typeof startUpstream>[0]): Promise<TestUpstream> => {
  const started = await startUpstream(handler)
  closers.push(() => started.close())
  return started
}

type Overrides = Partial<ProviderHttpOptions['config']> & Partial<Omit<ProviderHttpOptions, 'config'>>

const open = (baseUrl: string, { tokenUrl, secrets, now, ...config }: Overrides = {}): ClosableProviderHttp => {
  const http = providerHttp({
    config: { baseUrl, auth: { type: 'none' }, connectTimeoutMs: 2000, timeoutMs: 2000, maxConcurrent: 10, ...config },
    tokenUrl,
    secrets: secrets ?? { reveal: (text) => text.replace('${secret:a#b}', 'revealed') },
    now: now ?? Date.now,
    onError: () => undefined,
  })
  closers.push(() => http.close())
  return http
}

const get = (path: string, more: Partial<ProviderRequest> = {}): ProviderRequest => ({
  method: 'GET',
  path,
  signal: new AbortController().signal,
  ...more,
})

const failure = async (promise: Promise<unknown>): Promise<ProviderFailure> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof ProviderFailure) return error
  throw new Error(`no ProviderFailure but ${String(error)}`)
}

/** A server that does what it likes with its sockets. */
const rawServer = async (answer: (write: (text: string) => void, end: () => void, reset: () => void) => void): Promise<string> => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () =>
      answer(
        (text) => socket.write(text),
        () => socket.end(),
        () => socket.resetAndDestroy(),
      ),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('what is sent', () => {
  test('the path of base_url comes first, query values are appended and encoded', async () => {
    const { url, seen } = await upstream()
    const http = open(`${url}/v1`)
    await http.request(get('/payments?a=1', { query: { b: 'x y&z', c: undefined, d: true } }))
    await http.request(get(`${url}/v1/next?page=2`))
    expect(seen.map((one) => one.url)).toEqual(['/v1/payments?a=1&b=x+y%26z&d=true', '/v1/next?page=2'])
  })

  test('bodies: JSON, forms, bytes', async () => {
    const { url, seen } = await upstream()
    const http = open(url)
    await http.request(get('/', { method: 'POST', json: { a: [1] } }))
    await http.request(get('/', { method: 'POST', form: new URLSearchParams({ a: 'ä b' }) }))
    await http.request(get('/', { method: 'PUT', body: new Uint8Array([65, 66]), headers: { 'Content-Type': 'text/x' } }))
    expect(seen.map(({ body, headers }) => [headers['content-type'], body])).toEqual([
      ['application/json', '{"a":[1]}'],
      ['application/x-www-form-urlencoded', 'a=%C3%A4+b'],
      ['text/x', 'AB'],
    ])
  })

  test('no coding is asked for, and the trace goes along', async () => {
    const { url, seen } = await upstream()
    await providerTrace.run({ traceparent: '00-aa-bb-01' }, () => open(url).request(get('/')))
    expect(seen[0]?.headers).toMatchObject({ 'accept-encoding': 'identity', traceparent: '00-aa-bb-01', 'user-agent': 'headgate' })
  })

  test.each(['/a/../b', '/..', '/a/%2e%2E/b', '/a/./b', '/a b', '/a#b', 'http://127.0.0.1:1/other', 'file:///etc/passwd', '/a\\..\\b', '/a\r\nX: y'])(
    'nothing is sent for the path %j',
    async (path) => {
      const { url, seen } = await upstream()
      expect(await failure(open(`${url}/v1`).request(get(path)))).toMatchObject({ kind: 'invalid_request', executed: 'no' })
      expect(seen).toHaveLength(0)
    },
  )

  test('a header that cannot be sent is an inner failure whose message holds no value', async () => {
    const { url } = await upstream()
    const failed = await failure(open(url).request(get('/', { headers: { 'x-a': 'hunter2\nb' } })))
    expect([failed.kind, failed.executed, `${failed.message} ${String(failed.cause)}`.includes('hunter2')]).toEqual(['internal', 'no', false])
  })
})

describe('answers', () => {
  test('any status is an answer; redirects are not followed; headers of one name are joined', async () => {
    const { url, seen } = await upstream((_req, res) => {
      res.writeHead(302, { location: '/other', 'set-cookie': ['a=1', 'b=2'] }).end('{"moved":true}')
    })
    const answer = await open(url).request(get('/'))
    expect([answer.status, answer.headers['set-cookie'], answer.json(), seen.length]).toEqual([302, 'a=1, b=2', { moved: true }, 1])
  })

  test('JSON that is none: unknown after 200, nothing has happened after 400', async () => {
    const { url } = await upstream((req, res) => {
      res.writeHead(Number(req.url?.slice(1))).end('<html>')
    })
    const http = open(url)
    const executed: string[] = []
    for (const status of [200, 400, 500]) {
      const answer = await http.request(get(`/${status}`))
      executed.push((await failure(Promise.resolve().then(() => answer.json()))).executed)
    }
    expect(executed).toEqual(['unknown', 'no', 'unknown'])
  })

  test('an answer of more than 8 MiB is given up, whether it says so or not', async () => {
    const { url } = await upstream((req, res) => {
      if (req.url === '/said') res.writeHead(200, { 'content-length': 9 * 1024 * 1024 })
      res.on('error', () => undefined)
      res.write(Buffer.alloc(9 * 1024 * 1024))
    })
    const http = open(url)
    for (const path of ['/said', '/unsaid'])
      expect(await failure(http.request(get(path)))).toMatchObject({ kind: 'invalid_response', executed: 'unknown', status: 200 })
  })

  test('an answer in a coding that was not asked for cannot be used', async () => {
    const { url } = await upstream((_req, res) => {
      res.writeHead(200, { 'content-encoding': 'gzip' }).end('x')
    })
    expect(await failure(open(url).request(get('/')))).toMatchObject({ kind: 'invalid_response', executed: 'unknown' })
  })

  test('what is not HTTP is an invalid response', async () => {
    const url = await rawServer((write) => write('SSH-2.0-OpenSSH\r\n'))
    expect(await failure(open(url).request(get('/')))).toMatchObject({ kind: 'invalid_response', executed: 'unknown' })
  })
})

describe('whether it may have happened', () => {
  test('a refused connection, a name that does not exist: no', async () => {
    const { url, close } = await startUpstream()
    await close()
    for (const baseUrl of [url, 'http://does-not-exist.invalid'])
      expect(await failure(open(baseUrl).request(get('/')))).toMatchObject({ kind: 'network_error', executed: 'no' })
  })

  test('a certificate that is not trusted: no; a trusted one: fine', async () => {
    const certificates = await makeCertificates()
    closers.push(() => certificates.remove())
    const server = createTlsServer({ cert: await readFile(certificates.certFile), key: await readFile(certificates.keyFile) }, (_req, res) =>
      res.end('{}'),
    )
    await new Promise<void>((resolve) => server.listen(0, resolve))
    closers.push(() => server.close())
    const url = `https://localhost:${(server.address() as AddressInfo).port}`
    expect(await failure(open(url).request(get('/')))).toMatchObject({ kind: 'network_error', executed: 'no' })
    expect(await open(url, { tls: { verify: true, ca: certificates.ca } }).request(get('/'))).toMatchObject({ status: 200 })
    expect(await open(url, { tls: { verify: false } }).request(get('/'))).toMatchObject({ status: 200 })
    expect(await failure(open(url, { tls: { verify: true, ca: certificates.ca, serverName: 'other.test' } }).request(get('/')))).toMatchObject({
      executed: 'no',
    })
  })

  test.each(['end', 'reset'] as const)('a connection that breaks after the request (%s): unknown', async (how) => {
    const url = await rawServer((_write, end, reset) => (how === 'end' ? end() : reset()))
    expect(await failure(open(url).request(get('/', { method: 'POST', json: {} })))).toMatchObject({ kind: 'network_error', executed: 'unknown' })
  })

  test.each(['end', 'reset'] as const)('half an answer (%s): unknown', async (how) => {
    const url = await rawServer((write, end, reset) => {
      write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')
      setImmediate(how === 'end' ? end : reset)
    })
    expect(await failure(open(url).request(get('/')))).toMatchObject({ executed: 'unknown' })
  })

  test('half an answer of no stated length that ends in a reset is no whole one', async () => {
    const url = await rawServer((write, _end, reset) => {
      write('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf')
      setTimeout(reset, 20)
    })
    expect(await failure(open(url).request(get('/')))).toMatchObject({ kind: 'network_error', executed: 'unknown' })
  })

  test('a kept connection that was closed as the request went out: unknown', async () => {
    let requests = 0
    const { url } = await upstream((req, res) => {
      requests += 1
      if (requests === 1) res.end('{}')
      else req.socket.destroy()
    })
    const http = open(url)
    await http.request(get('/'))
    expect(await failure(http.request(get('/', { method: 'POST', json: {} })))).toMatchObject({ kind: 'network_error', executed: 'unknown' })
    expect(requests).toBe(2)
  })

  test('aborted while it waits for the answer: timeout, unknown, and the connection is gone', async () => {
    const { url, seen } = await upstream(() => undefined)
    const attempt = new AbortController()
    const call = failure(open(url).request(get('/', { signal: attempt.signal })))
    await until('the request is there', () => seen.length === 1)
    attempt.abort()
    expect(await call).toMatchObject({ kind: 'timeout', executed: 'unknown' })
  })

  test('aborted while it waits for a connection, or before: timeout, nothing was sent', async () => {
    const { url, seen } = await upstream(() => undefined)
    const http = open(url, { maxConcurrent: 1 })
    const first = new AbortController()
    const second = new AbortController()
    const calls = [first, second].map(({ signal }) => failure(http.request(get('/', { signal }))))
    await until('the first request is there', () => seen.length === 1)
    second.abort()
    expect(await calls[1]).toMatchObject({ kind: 'timeout', executed: 'no' })
    expect(await failure(http.request(get('/', { signal: AbortSignal.abort() })))).toMatchObject({ kind: 'timeout', executed: 'no' })
    first.abort()
    await calls[0]
    expect(seen).toHaveLength(1)
  })
})

describe('auth', () => {
  const sent = async (auth: ProviderHttpOptions['config']['auth'], more: Partial<ProviderRequest> = {}): Promise<SeenRequest['headers']> => {
    const { url, seen } = await upstream()
    await open(url, { auth }).request(get('/', more))
    return seen[0]?.headers ?? {}
  }

  test('bearer, api_key and basic reveal their secrets', async () => {
    expect((await sent({ type: 'bearer', token: '${secret:a#b}' })).authorization).toBe('Bearer revealed')
    expect((await sent({ type: 'api_key', header: 'X-Api-Key', key: '${secret:a#b}' }))['x-api-key']).toBe('revealed')
    expect((await sent({ type: 'basic', username: 'user', password: '${secret:a#b}' })).authorization).toBe(`Basic ${btoa('user:revealed')}`)
  })

  test('a rotated secret counts from the next call on', async () => {
    const { url, seen } = await upstream()
    let value = 'old'
    const http = open(url, { auth: { type: 'bearer', token: '${secret:a#b}' }, secrets: { reveal: () => value } })
    await http.request(get('/'))
    value = 'new'
    await http.request(get('/'))
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new'])
  })

  test('not where the adapter says so', async () => {
    expect((await sent({ type: 'bearer', token: 'x' }, { authorize: false })).authorization).toBeUndefined()
  })

  test('a secret that is not there: nothing is sent', async () => {
    const { url, seen } = await upstream()
    const http = open(url, {
      auth: { type: 'bearer', token: 'x' },
      secrets: {
        reveal: () => {
          throw new Error('gone')
        },
      },
    })
    expect(await failure(http.request(get('/')))).toMatchObject({ kind: 'internal', executed: 'no' })
    expect(seen).toHaveLength(0)
  })
})

describe('auth: oauth2', () => {
  const auth = { type: 'oauth2', client_id: 'id:ä', client_secret: '${secret:a#b}', scope: 'a b' } as const

  /** A provider with a token endpoint. */
  const provider = async (options: { status?: () => number; lifetime?: number; accepts?: (token: string) => boolean } = {}) => {
    let tokens = 0
    const server = await upstream((req, res, { headers }) => {
      if (req.url === '/v1/oauth2/token') {
        const status = options.status?.() ?? 200
        if (status === 200) tokens += 1
        res
          .writeHead(status)
          .end(
            JSON.stringify(
              status === 200
                ? { access_token: `t${tokens}`, token_type: 'Bearer', expires_in: options.lifetime ?? 3600 }
                : { error: 'invalid_client' },
            ),
          )
        return
      }
      const given = (headers.authorization ?? '').replace('Bearer ', '')
      res.writeHead(options.accepts?.(given) === false ? 401 : 200).end('{}')
    })
    return { ...server, tokens: () => tokens, calls: () => server.seen.filter(({ url }) => url !== '/v1/oauth2/token') }
  }

  test('fetches one token for all that wait, with the client in Basic and the scope in the form', async () => {
    const { url, seen, tokens, calls } = await provider()
    const http = open(`${url}/v1`, { auth, tokenUrl: '/oauth2/token' })
    await Promise.all([1, 2, 3].map(() => http.request(get('/x'))))
    expect(tokens()).toBe(1)
    expect(seen[0]).toMatchObject({ method: 'POST', body: 'grant_type=client_credentials&scope=a+b' })
    expect(seen[0]?.headers.authorization).toBe(`Basic ${btoa('id%3A%C3%A4:revealed')}`)
    expect(new Set(calls().map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer t1']))
  })

  test('token_url of the configuration counts more than that of the adapter', async () => {
    const other = await provider()
    const { url } = await provider()
    await open(url, { auth: { ...auth, token_url: `${other.url}/v1/oauth2/token` }, tokenUrl: '/nowhere' }).request(get('/x'))
    expect(other.tokens()).toBe(1)
  })

  test('a token is renewed shortly before it expires', async () => {
    const { url, tokens } = await provider({ lifetime: 3600 })
    let now = 0
    const http = open(`${url}/v1`, { auth, tokenUrl: '/oauth2/token', now: () => now })
    for (now of [0, 3_569_000, 3_571_000]) await http.request(get('/x'))
    expect(tokens()).toBe(2)
  })

  test('a token that is refused is replaced once', async () => {
    const { url, tokens, calls } = await provider({ accepts: (token) => token !== 't1' })
    const http = open(`${url}/v1`, { auth, tokenUrl: '/oauth2/token' })
    expect((await http.request(get('/x', { method: 'POST', json: { a: 1 } }))).status).toBe(200)
    expect([tokens(), calls().map(({ body }) => body)]).toEqual([2, ['{"a":1}', '{"a":1}']])
    const never = await provider({ accepts: () => false })
    expect((await open(`${never.url}/v1`, { auth, tokenUrl: '/oauth2/token' }).request(get('/x'))).status).toBe(401)
    expect([never.tokens(), never.calls().length]).toEqual([2, 2])
  })

  test.each([
    [401, 'unauthorized'],
    [400, 'unauthorized'],
    [429, 'rate_limited'],
    [503, 'service_down'],
  ])('a token endpoint that answers %i: %s, nothing was sent', async (status, kind) => {
    const { url, calls } = await provider({ status: () => status })
    const http = open(`${url}/v1`, { auth, tokenUrl: '/oauth2/token' })
    expect(await failure(http.request(get('/x', { method: 'POST' })))).toMatchObject({ kind, executed: 'no', status })
    expect(calls()).toHaveLength(0)
  })

  test('a token endpoint that breaks off or never answers: nothing was sent', async () => {
    const breaking = await rawServer((_write, _end, reset) => reset())
    expect(await failure(open(breaking, { auth, tokenUrl: '/t' }).request(get('/x')))).toMatchObject({ kind: 'network_error', executed: 'no' })
    const silent = await upstream(() => undefined)
    const http = open(silent.url, { auth, tokenUrl: '/t', timeoutMs: 100 })
    expect(await failure(http.request(get('/x')))).toMatchObject({ kind: 'timeout', executed: 'no' })
  })

  test('one that gives up does not take the token from the others', async () => {
    let answer: (() => void) | undefined
    const { url } = await upstream((req, res) => {
      if (req.url !== '/t') res.end('{}')
      else answer = () => res.end('{"access_token":"t","token_type":"bearer"}')
    })
    const http = open(url, { auth, tokenUrl: '/t' })
    const impatient = new AbortController()
    const calls = [failure(http.request(get('/x', { signal: impatient.signal }))), http.request(get('/x'))] as const
    await until('the token is asked for', () => answer !== undefined)
    impatient.abort()
    expect(await calls[0]).toMatchObject({ kind: 'timeout', executed: 'no' })
    answer?.()
    expect(await calls[1]).toMatchObject({ status: 200 })
  })

  test('no token_url anywhere stops the start', () => {
    expect(() => open('http://127.0.0.1:1', { auth })).toThrow('auth.token_url is missing')
  })
})

test('base_url of another kind is no matter until HTTP is spoken', async () => {
  expect(await failure(open('smtp://mail.test:25').request(get('/')))).toMatchObject({ kind: 'invalid_request', executed: 'no' })
})

test('close lets calls end, and cuts those off that do not', async () => {
  const { url, seen } = await upstream(() => undefined)
  const http = open(url)
  const call = failure(http.request(get('/')))
  await until('the request is there', () => seen.length === 1)
  await http.close()
  expect(await call).toMatchObject({ kind: 'network_error', executed: 'unknown' })
})
