import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JsonValue } from '../../config/model.ts'
import type { Json } from '../../gateway/plugin.ts'
import { adapter } from '../../plugins/generic/http/http.ts'
import { adapterUnderTest } from '../kit/adapter.ts'
import type { AdapterUnderTest } from '../kit/adapter.ts'
import { startBookings } from '../kit/stand-ins/bookings.ts'
import type { BookingsServer } from '../kit/stand-ins/bookings.ts'

type Declared = Readonly<Record<string, Readonly<Record<string, JsonValue>>>>

const booking = '{{ body.booking }}'

const operations: Declared = {
  book: {
    method: 'POST',
    path: '/bookings',
    headers: { 'X-Channel': '{{ input.?channel }}' },
    body: { reference: '{{ key }}', seats: '{{ input.seats }}', note: '{{ input.?note }}' },
    output: booking,
    idempotency_header: 'Booking-Key',
    input_schema: {
      type: 'object',
      required: ['seats'],
      additionalProperties: false,
      properties: { seats: { type: 'integer', minimum: 1 }, note: { type: 'string' }, channel: { type: 'string' } },
    },
    output_schema: { type: 'object', required: ['id', 'seats'], properties: { id: { type: 'string' }, seats: { type: 'integer' } } },
    error_code: '{{ body.?error.?code }}',
    errors: [
      { when: { status: 402, code: 'sold_out' }, kind: 'rejected', executed: 'no' },
      { when: { status: 409 }, kind: 'key_conflict', executed: 'no' },
      { when: { code: 'blocked' }, kind: 'blocked_domain', executed: 'no' },
    ],
    lookup: {
      path: '/bookings',
      query: { reference: '{{ key }}' },
      found: 'size(body.results) > 0 && status == 200',
      output: '{{ body.results[0] }}',
    },
    undo: { cancel: { booking: '{{ output.id }}', seats: '{{ input.seats }}' } },
  },
  cancel: { method: 'DELETE', path: '/bookings/{{ input.booking }}', success: [200, 404] },
  get: { method: 'GET', path: '/bookings/{{ input.booking }}', query: { fields: '{{ input.?fields }}', verbose: 'true' }, output: booking },
  pay: { method: 'POST', path: '/bookings', form: { amount: '{{ input.amount }}', tag: '{{ input.tags }}', absent: '{{ input.?absent }}' } },
  import: {
    method: 'POST',
    path: '/bookings',
    content_type: 'text/csv',
    body: 'id,seats\n{{ input.id }},{{ input.seats }}\n',
    idempotency: 'inherent',
  },
}

let server: BookingsServer
let subject: AdapterUnderTest

const open = (own: Declared = operations, settings: Readonly<Record<string, JsonValue>> = {}): Promise<AdapterUnderTest> =>
  adapterUnderTest(adapter, {
    baseUrl: server.url,
    auth: { type: 'bearer', token: '${secret:bookings#token}' },
    secrets: { 'bookings#token': 'a-token-of-the-tests', 'bookings#hook': 'hook-secret', 'bookings#old': 'old-hook-secret' },
    operations: own,
    settings,
  })

const failure = async (promise: Promise<unknown>): Promise<unknown> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof Error) || error.name !== 'ProviderFailure') throw new Error('no failure', { cause: error })
  const { kind, executed, code, status, retryAfterMs } = error as unknown as Record<string, unknown>
  return JSON.parse(JSON.stringify({ kind, executed, code, status, retryAfterMs }))
}

const last = () => {
  const request = server.requests.at(-1)
  if (request === undefined) throw new Error('nothing was asked')
  return request
}

beforeEach(async () => {
  server = await startBookings()
  subject = await open()
})
afterEach(async () => {
  await subject.close()
  await server.close()
})

describe('requests', () => {
  test('carry the body, the headers, the credentials and the key, and give the output', async () => {
    expect(await subject.call('book', { seats: 2, channel: 'web' }, { key: 'hg_one' })).toEqual({ id: 'b1', reference: 'hg_one', seats: 2 })
    const { request, headers, body } = last()
    expect(request).toBe('POST /v1/bookings')
    expect(headers).toMatchObject({
      authorization: 'Bearer a-token-of-the-tests',
      'booking-key': 'hg_one',
      'x-channel': 'web',
      'content-type': 'application/json',
    })
    expect(JSON.parse(body)).toEqual({ reference: 'hg_one', seats: 2 })
  })

  test('repeated with the key, they have one effect', async () => {
    server.script('lose')
    expect(await failure(subject.call('book', { seats: 2 }, { key: 'hg_one' }))).toEqual({ kind: 'network_error', executed: 'unknown' })
    expect(await subject.call('book', { seats: 2 }, { key: 'hg_one' })).toMatchObject({ id: 'b1' })
    expect(server.bookings.size).toBe(1)
  })

  test('have a query of what is there, and headers of the integration', async () => {
    const own = await open(operations, { headers: { Accept: 'application/vnd.bookings+json', 'X-Channel': 'default' } })
    await own.call('book', { seats: 1 })
    expect(last().headers).toMatchObject({ accept: 'application/vnd.bookings+json', 'x-channel': 'default' })
    expect(await own.call('get', { booking: 'b1', fields: 'a&b=c' })).toMatchObject({ id: 'b1' })
    expect(last().request).toBe('GET /v1/bookings/b1?fields=a%26b%3Dc&verbose=true')
    await own.call('get', { booking: 'b1' })
    expect(last().request).toBe('GET /v1/bookings/b1?verbose=true')
    await own.close()
  })

  test('carry forms and texts', async () => {
    server.script({ status: 200 }, { status: 200 })
    await subject.call('pay', { amount: 12.5, tags: ['a b', 'c'] })
    expect(last().body).toBe('amount=12.5&tag=a+b&tag=c')
    expect(last().headers['content-type']).toBe('application/x-www-form-urlencoded')
    await subject.call('import', { id: 'x', seats: 3 })
    expect(last()).toMatchObject({ body: 'id,seats\nx,3\n', headers: { 'content-type': 'text/csv' } })
  })

  test.each([
    ['../../admin', '/v1/bookings/..%2F..%2Fadmin'],
    ['a/b?c#d', '/v1/bookings/a%2Fb%3Fc%23d'],
    ['%2e%2e', '/v1/bookings/%252e%252e'],
    ['http://evil.example/', '/v1/bookings/http%3A%2F%2Fevil.example%2F'],
    ['a\\..\\b\r\nX: y', '/v1/bookings/a%5C..%5Cb%0D%0AX%3A%20y'],
  ])('keep %j within its segment of the path', async (id, path) => {
    await failure(subject.call('get', { booking: id }))
    expect(last().request).toBe(`GET ${path}?verbose=true`)
  })

  test.each<[string, Json]>([
    ['..', { booking: '..' }],
    ['.', { booking: '.' }],
    ['nothing', { booking: '' }],
    ['an absent value', {}],
    ['a list', { booking: ['b1'] }],
    ['a parameter that is a list', { booking: 'b1', fields: ['a'] }],
  ])('are not sent with %s', async (_what, input) => {
    const before = server.requests.length
    expect(await failure(subject.call('get', input))).toEqual({ kind: 'invalid_request', executed: 'no' })
    expect(server.requests.length).toBe(before)
  })

  test('are not sent with a line break in a header', async () => {
    expect(await failure(subject.call('book', { seats: 1, channel: 'web\r\nX-Admin: 1' }))).toEqual({ kind: 'invalid_request', executed: 'no' })
    expect(server.requests).toEqual([])
  })
})

describe('answers', () => {
  test.each<[number, string, unknown]>([
    [402, '{"error":{"code":"sold_out"}}', { kind: 'rejected', executed: 'no', code: 'sold_out', status: 402 }],
    [402, '{"error":{"code":"other"}}', { kind: 'rejected', executed: 'no', code: 'other', status: 402 }],
    [409, '{}', { kind: 'key_conflict', executed: 'no', status: 409 }],
    [200, '{"error":{"code":"blocked"}}', { kind: 'blocked_domain', executed: 'no', code: 'blocked', status: 200 }],
    [500, 'not JSON', { kind: 'provider_error', executed: 'unknown', status: 500 }],
    [503, '{}', { kind: 'service_down', executed: 'no', status: 503 }],
    [400, '{"error":{"code":7}}', { kind: 'invalid_request', executed: 'no', code: '7', status: 400 }],
    [302, '{}', { kind: 'invalid_response', executed: 'unknown', status: 302 }],
    [200, 'not JSON', { kind: 'invalid_response', executed: 'unknown', status: 200 }],
    [200, '{"other":1}', { kind: 'invalid_response', executed: 'unknown', status: 200 }],
  ])('%i %s', async (status, body, expected) => {
    server.script({ status, body })
    expect(await failure(subject.call('book', { seats: 1 }))).toEqual(expected)
  })

  test('say how long to wait', async () => {
    server.script({ status: 429, headers: { 'retry-after': '7' } })
    expect(await failure(subject.call('book', { seats: 1 }))).toEqual({ kind: 'rate_limited', executed: 'no', status: 429, retryAfterMs: 7000 })
  })

  test('may have other statuses of success, no body, or text', async () => {
    expect(await subject.call('cancel', { booking: 'unknown' })).toEqual({ error: { code: 'unknown_booking' } })
    server.script({ status: 200, body: '' }, { status: 200, body: 'fine', headers: { 'content-type': 'text/plain' } })
    expect(await subject.call('cancel', { booking: 'b1' })).toBeNull()
    expect(await subject.call('cancel', { booking: 'b1' })).toBe('fine')
  })
})

describe('after an outcome that is unknown', () => {
  const asked = { key: 'hg_one', firstAttemptAtMs: Date.now() - 61_000 }

  test('the question finds what was done, and believes that nothing was only after a while', async () => {
    server.script('drop')
    await failure(subject.call('book', { seats: 2 }, asked))
    expect(await subject.lookup('book', { seats: 2 }, asked)).toEqual({ found: 'absent' })
    expect(await subject.lookup('book', { seats: 2 }, { ...asked, firstAttemptAtMs: Date.now() - 50_000 })).toEqual({ found: 'unknown' })
    server.script('lose')
    await failure(subject.call('book', { seats: 2 }, asked))
    expect(await subject.lookup('book', { seats: 2 }, asked)).toEqual({ found: 'done', output: { id: 'b1', reference: 'hg_one', seats: 2 } })
    expect(last().request).toBe('GET /v1/bookings?reference=hg_one')
  })

  test('a question that fails says nothing', async () => {
    server.script({ status: 500 })
    expect(await failure(subject.lookup('book', { seats: 2 }, asked))).toMatchObject({ kind: 'provider_error' })
    server.script({ status: 200, body: '{}' })
    expect(await failure(subject.lookup('book', { seats: 2 }, asked))).toMatchObject({ kind: 'invalid_response' })
  })
})

describe('what an operation is', () => {
  test('follows from its method and its key', () => {
    const natures = Object.fromEntries(Object.entries(subject.operations).map(([name, one]) => [name, `${one.idempotency} ${one.duplicates}`]))
    expect(natures).toEqual({
      book: 'key harmful',
      cancel: 'inherent harmful',
      get: 'inherent tolerable',
      pay: 'none harmful',
      import: 'inherent harmful',
    })
    expect(subject.operations['book']?.kinds).toEqual(['blocked_domain'])
  })

  test('says what undoes it', async () => {
    const done = { input: { seats: 2 }, output: await subject.call('book', { seats: 2 }) }
    const undo = subject.operations['book']?.undo?.['cancel']?.(done) ?? null
    expect(undo).toEqual({ booking: 'b1', seats: 2 })
    await subject.call('cancel', undo)
    expect(server.bookings.size).toBe(0)
  })

  test.each<[string, Readonly<Record<string, JsonValue>>, string]>([
    [
      'a path that is not under base_url',
      { method: 'GET', path: 'https://evil.example/' },
      'path: the path https://evil.example/ does not begin with /',
    ],
    ['a path that leaves base_url', { method: 'GET', path: '/a/../../{{ input }}' }, 'path: the path has segments that lead out of it'],
    ['another host', { method: 'GET', path: '//evil.example/{{ input }}' }, 'path: the path has segments that lead out of it'],
    ['parameters within the path', { method: 'GET', path: '/a?b={{ input }}' }, 'path: the path has spaces, `?`, `#` or a backslash'],
    ['an expression without end', { method: 'GET', path: '/a/{{ input' }, 'path: an expression in the path has braces within it or does not end'],
    ['an unknown name', { method: 'GET', path: '/a/{{ inpt.id }}' }, 'did you mean `input`?'],
    ['an unknown name in the body', { method: 'POST', path: '/a', body: { x: '{{ output.id }}' } }, 'body: x: `output.id`: unknown name'],
    ['an unknown name in the undo', { method: 'POST', path: '/a', undo: { b: '{{ body.id }}' } }, 'undo.b: `body.id`: unknown name'],
    ['a wrong condition', { method: 'POST', path: '/a', lookup: { path: '/b', found: 'body.' } }, 'lookup: found:'],
    [
      'braces in a condition',
      { method: 'POST', path: '/a', lookup: { path: '/b', found: '{{ true }}' } },
      'lookup: `found` is a condition without braces',
    ],
    ['two bodies', { method: 'POST', path: '/a', body: {}, form: {} }, 'a request has a `body` or a `form`, not both'],
    ['a body of a read', { method: 'GET', path: '/a', body: {} }, 'GET takes no body'],
    ['a header of the connection', { method: 'GET', path: '/a', headers: { Host: 'evil.example' } }, 'the header Host belongs to the connection'],
    ['a key that is not sent', { method: 'POST', path: '/a', idempotency: 'key' }, '`idempotency: key` needs `idempotency_header`'],
    ['codes that nobody reads', { method: 'GET', path: '/a', errors: [{ when: { code: 'x' }, kind: 'rejected' }] }, 'there is no `error_code`'],
    ['a schema that is none', { method: 'GET', path: '/a', input_schema: { type: 'objekt' } }, 'input_schema: '],
  ])('cannot be declared with %s', async (_what, settings, message) => {
    await expect(open({ wrong: settings })).rejects.toThrow(message)
  })
})

test('the probe asks for a path and takes anything but errors', async () => {
  const own = await open({}, { probe: { path: '/bookings?reference=none' } })
  const probe = (): Promise<void> | undefined => own.instance.probe?.({ signal: AbortSignal.timeout(1000) })
  await probe()
  expect(last().request).toBe('GET /v1/bookings?reference=none')
  server.script({ status: 503 })
  await expect(probe()).rejects.toMatchObject({ kind: 'service_down', executed: 'no' })
  await own.close()
})
