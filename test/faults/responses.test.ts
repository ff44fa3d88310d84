import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { open, raw } from '../kit/raw.ts'
import type { RawAnswer, RawOptions } from '../kit/raw.ts'
import { until } from '../kit/until.ts'
import { startTcpUpstream } from '../kit/upstream.ts'
import type { TestUpstream } from '../kit/upstream.ts'

const running: { close(): Promise<unknown> }[] = []

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close()
})

const good = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'

/** A gateway in front of an upstream that does with each request (its head, the number of its connection) what `answer` says. */
async function start(
  answer: (head: string, connection: number, socket: Socket) => string | undefined,
): Promise<{ gateway: TestGateway; upstream: TestUpstream }> {
  let connections = 0
  const upstream = await startTcpUpstream((socket) => {
    connections += 1
    const connection = connections
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end)
        text = text.slice(end + 4)
        const bytes = answer(head, connection, socket)
        if (bytes !== undefined) socket.write(Buffer.from(bytes, 'latin1'))
      }
    })
  })
  const gateway = await startGateway(`
services: { a: { urls: ["${upstream.url}"] } }
routing_rules: [{ path: /*, service: a, timeout: 5s }]
`)
  running.push(upstream, gateway)
  return { gateway, upstream }
}

const get = (gateway: TestGateway, path: string, options?: RawOptions): Promise<RawAnswer> =>
  raw(gateway.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, options)

describe('an upstream whose answer cannot be read', () => {
  test.each([
    ['a header with a bare carriage return', 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 4\r\n\r\ngood'],
    ['a header with a NUL', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 4\r\n\r\ngood'],
    ['a header name with a space', 'HTTP/1.1 200 OK\r\nX Y: a\r\nContent-Length: 4\r\n\r\ngood'],
    ['an empty header name', 'HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 4\r\n\r\ngood'],
    ['a header without a colon', 'HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 4\r\n\r\ngood'],
    ['two different lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\ngood'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 4x\r\n\r\ngood'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\ngood'],
    ['a length and an encoding', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n'],
    ['another coding before the chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n'],
    ['another coding in a second header', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n4\r\ngood\r\n0\r\n\r\n'],
    ['an encoding that begins with a comma', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: ,chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 4\r\n\r\ngood'],
    ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 4\n\ngood'],
    ['status 99', 'HTTP/1.1 99 Low\r\nContent-Length: 4\r\n\r\ngood'],
    ['status 099', 'HTTP/1.1 099 Low\r\nContent-Length: 4\r\n\r\ngood'],
    ['status 1000', 'HTTP/1.1 1000 High\r\nContent-Length: 4\r\n\r\ngood'],
    ['status 000', 'HTTP/1.1 000 None\r\nContent-Length: 4\r\n\r\ngood'],
    ['a status that is a word', 'HTTP/1.1 OK\r\nContent-Length: 4\r\n\r\ngood'],
    ['an upgrade that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['HTTP/2 in the clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['64 KiB of headers and more', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70 * 1024)}\r\nContent-Length: 4\r\n\r\ngood`],
    ['a thousand interim answers', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(1000) + good],
  ])('%s becomes 502 without a word of it, and its connection is not used again', async (_, bytes) => {
    const { gateway, upstream } = await start((_head, connection) => (connection === 1 ? bytes : good))
    const answer = await get(gateway, '/')
    expect(answer.status).toBe(502)
    expect(answer.text).not.toMatch(/Set-Cookie|Early|good|SSH/i)
    expect(JSON.parse(answer.body)).toMatchObject({ status: 502, code: expect.stringMatching(/^UPSTREAM_(INVALID_RESPONSE|RESET)$/) as string })
    const next = await get(gateway, '/')
    expect(next).toMatchObject({ status: 200, body: 'good' })
    expect(upstream.connections()).toBe(2)
  })

  test('interim answers before the final one are passed over', async () => {
    const { gateway, upstream } = await start(() => `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${good}`)
    expect(await get(gateway, '/')).toMatchObject({ status: 200, body: 'good' })
    expect(await get(gateway, '/')).toMatchObject({ status: 200, body: 'good' })
    expect(upstream.connections()).toBe(1)
  })

  test.each([
    ['a body shorter than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort'],
    ['a bad chunk size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\ngood\r\n0\r\n\r\n'],
    ['a chunk that is longer than its size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ngood\r\n0\r\n\r\n'],
    ['a chunked body without an end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n'],
  ])('%s never looks whole to the client', async (_, bytes) => {
    const { gateway } = await start((_head, connection, socket) => {
      if (connection > 1) return good
      socket.end(bytes)
      return undefined
    })
    const answer = await get(gateway, '/', { untilClosed: true })
    expect(answer.closed).toBe(true)
    if (answer.status === 200) expect(answer.text.endsWith('0\r\n\r\n')).toBe(false)
    else expect(answer.status).toBe(502)
    expect(await get(gateway, '/')).toMatchObject({ status: 200, body: 'good' })
  })

  test.each([
    ['a second answer', `${good}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`],
    ['a body longer than its length', `${good}poison`],
    ['a body behind 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\npoison'],
    ['a body behind 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison'],
  ])('%s is no answer to the next request', async (_, bytes) => {
    const { gateway } = await start((_head, connection) => (connection === 1 ? bytes : good))
    const first = await get(gateway, '/')
    expect(first.text).not.toContain('poison')
    if (first.status === 204) expect(first.head.toLowerCase()).not.toContain('content-length')
    expect(await get(gateway, '/')).toMatchObject({ status: 200, body: 'good' })
    expect(await get(gateway, '/')).toMatchObject({ status: 200, body: 'good' })
  })

  test('a body behind the answer to HEAD is no answer to the next request', async () => {
    const { gateway } = await start(() => good)
    const head = await raw(gateway.port, 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', { untilClosed: true })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(await get(gateway, '/')).toMatchObject({ status: 200, body: 'good' })
  })
})

test('answers of 1,000 requests, good and bad ones mixed, each reach the client that asked', async () => {
  const { gateway } = await start((head, _connection, socket) => {
    const id = /\/id\/([0-9]+)/.exec(head)?.[1] ?? ''
    const body = `id=${id}`
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    switch (Number(id) % 7) {
      case 1:
        return `${answer}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`
      case 2:
        return `${answer}poison`
      case 3:
        socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n${body}`)
        return undefined
      case 4:
        return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      case 5:
        setTimeout(() => socket.write(answer), Number(id) % 5)
        return undefined
      case 6:
        socket.destroy()
        return undefined
      default:
        return answer
    }
  })
  const ids = Array.from({ length: 1000 }, (_, index) => index)
  const wrong: string[] = []
  let right = 0
  const client = async (): Promise<void> => {
    for (let id = ids.shift(); id !== undefined; id = ids.shift()) {
      const answer = await get(gateway, `/id/${id}`, { waitMs: 10_000 })
      const bodies = answer.text.match(/id=[0-9]+/g) ?? []
      if (answer.text.includes('poison') || bodies.some((body) => body !== `id=${id}`)) wrong.push(`${id}: ${answer.text}`)
      else if (bodies.length === 1) right += 1
    }
  }
  await Promise.all(Array.from({ length: 20 }, client))
  expect(wrong).toEqual([])
  // The kinds 3 and 6 have no good answer; a reused connection that the poison closed may take some others along.
  expect(right).toBeGreaterThan(400)
})

describe('an answer that comes before the request body has ended', () => {
  const refusal = 'HTTP/1.1 413 Payload Too Large\r\nContent-Length: 7\r\nConnection: close\r\n\r\ntoo big'

  test.each([
    ['with a length', `Content-Length: ${100 * 1024 * 1024}`, (bytes: Buffer) => bytes],
    [
      'chunked',
      'Transfer-Encoding: chunked',
      (bytes: Buffer) => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]),
    ],
  ])('reaches a client that uploads 100 MB %s, and then the connection ends', async (_, framing, frame) => {
    const { gateway } = await start((_head, _connection, socket) => {
      socket.end(refusal)
      return undefined
    })
    const socket = await open(gateway.port)
    let text = ''
    let closed = false
    socket.on('error', () => undefined)
    socket.on('close', () => {
      closed = true
    })
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.write(`POST /upload HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`)
    const part = frame(Buffer.alloc(64 * 1024, 'x'))
    let sent = 0
    const upload = (): void => {
      while (!closed && sent < 100 * 1024 * 1024) {
        sent += part.length
        if (!socket.write(part)) {
          socket.once('drain', upload)
          return
        }
      }
    }
    upload()
    await until('the connection ends', () => closed)
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
    expect(text).toContain('too big')
    expect(text.toLowerCase()).toContain('connection: close')
    expect(sent).toBeLessThan(100 * 1024 * 1024)
  })

  test('leaves the connection of a short body usable for the next request', async () => {
    const { gateway } = await start((head) => (head.startsWith('POST') ? 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno' : good))
    const socket = await open(gateway.port)
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.write(`POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n${'x'.repeat(10)}`)
    await until('the early answer is here', () => text.includes('\r\n\r\nno'))
    socket.write(`${'x'.repeat(59_990)}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`)
    await until('the next answer is here', () => text.endsWith('good'))
    socket.destroy()
  })
})

test.each([
  ['a short answer', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'],
  ['an answer that is still on its way', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno'],
])('after the announcement that the connection ends, no further request on it is served: %s', async (_, answer) => {
  const asked: string[] = []
  let service: Socket | undefined
  const { gateway } = await start((head, _connection, socket) => {
    const [line = ''] = head.split('\r\n')
    if (line.startsWith('GET /other')) return good
    if (!/^(GET|POST) /.test(line)) return undefined
    asked.push(line)
    service = socket
    return answer
  })
  const socket = await open(gateway.port)
  let text = ''
  let closed = false
  socket.on('error', () => undefined)
  socket.on('close', () => {
    closed = true
  })
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  socket.write('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx')
  await until('the early answer is here', () => text.endsWith('no'))
  expect(text.toLowerCase()).toContain('connection: close')
  socket.write(`${'x'.repeat(99_999)}GET /after HTTP/1.1\r\nHost: a\r\n\r\n`)
  // By the time that another client has its answer, the gateway has read what this one sent.
  await get(gateway, '/other')
  service?.write('.......')
  await until('the connection ends', () => closed)
  expect(asked).toEqual(['POST /upload HTTP/1.1'])
})
