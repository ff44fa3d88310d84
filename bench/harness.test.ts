import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { type LoadOptions, load } from './load/load.ts'
import { parseResponse } from './load/response.ts'
import { processUsage } from './process-usage.ts'
import { replaceBetweenMarkers } from './report/docs.ts'
import { table } from './report/table.ts'
import { median, percentile } from './statistics.ts'
import { drain, zeros } from './stream-bytes.ts'
import { smallBody } from './upstream.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

const listening = async (listener: RequestListener): Promise<number> => {
  const server = createServer(listener).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const options = (port: number, more: Partial<LoadOptions> = {}): LoadOptions => ({
  port,
  path: '/api/users/42',
  connections: 4,
  warmUpMs: 0,
  durationMs: 400,
  expected: { status: 200, bodyBytes: 5 },
  ...more,
})

describe('load generator', () => {
  test('counts at saturation what the server answered, within the requests in flight at both ends', async () => {
    let answered = 0
    const port = await listening((_, response) => {
      answered += 1
      response.end('hello')
    })
    const result = await load(options(port))
    expect(result.errors).toEqual({ status: 0, length: 0, closed: 0, refused: 0 })
    expect(result.requests).toBeGreaterThan(0)
    expect(answered - result.requests).toBeGreaterThanOrEqual(0)
    expect(answered - result.requests).toBeLessThanOrEqual(8)
    expect(result.requestsPerSecond).toBeCloseTo((result.requests / result.durationMs) * 1000)
  })

  test('holds a constant rate within 10 %', async () => {
    const port = await listening((_, response) => response.end('hello'))
    const result = await load(options(port, { requestsPerSecond: 300, warmUpMs: 200, durationMs: 1000, connections: 16 }))
    expect(result.requestsPerSecond).toBeGreaterThan(270)
    expect(result.requestsPerSecond).toBeLessThan(330)
  })

  test('charges a stall to every request that was due meanwhile', async () => {
    let stalled = false
    const port = await listening((_, response) => {
      if (stalled) {
        response.end('hello')
        return
      }
      stalled = true
      setTimeout(() => response.end('hello'), 600)
    })
    const result = await load(options(port, { requestsPerSecond: 100, connections: 1, durationMs: 1000 }))
    // One answer of 600 ms alone would leave the median near zero; about 60 of 100 requests were due while it lasted.
    expect(result.p50Ms).toBeGreaterThan(20)
    expect(result.requests).toBeGreaterThan(70)
  })

  test('counts wrong statuses, wrong lengths and broken connections as errors, never as requests', async () => {
    const wrongStatus = await listening((_, response) => response.writeHead(502).end('hello'))
    const wrongLength = await listening((_, response) => response.end('hell'))
    const broken = await listening((request) => request.socket.destroy())
    const results = await Promise.all([wrongStatus, wrongLength, broken].map((port) => load(options(port, { durationMs: 150 }))))
    expect(results.map(({ requests }) => requests)).toEqual([0, 0, 0])
    expect(results[0]?.errors.status).toBeGreaterThan(0)
    expect(results[1]?.errors.length).toBeGreaterThan(0)
    expect(results[2]?.errors.closed).toBeGreaterThan(0)
  })

  test('reconnects without an error when the server ends a connection after an answer', async () => {
    const port = await listening((_, response) => response.setHeader('connection', 'close').end('hello'))
    const result = await load(options(port))
    expect(result.requests).toBeGreaterThan(4)
    expect(result.errors).toEqual({ status: 0, length: 0, closed: 0, refused: 0 })
  })

  test('measures the CPU of the watched process over the same interval', async () => {
    const port = await listening((_, response) => response.end('hello'))
    const result = await load(options(port, { pid: process.pid, durationMs: 600 }))
    expect(result.cpuUsPerRequest).toBeGreaterThan(0)
    expect(result.busyPercent).toBeGreaterThan(0)
    expect(result.peakRssBytes).toBeGreaterThanOrEqual(processUsage(process.pid).rssBytes / 2)
  })
})

describe('response reader', () => {
  const head = 'HTTP/1.1 200 OK\r\nDate: x\r\n'

  test.each([
    ['with a length', `${head}Content-Length: 5\r\n\r\nhello`, 5],
    ['in chunks', `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n`, 5],
    ['without a body', `${head}\r\n`, 0],
  ])('reads a body %s, and waits for the rest of an incomplete one', (_, text, bodyBytes) => {
    expect(parseResponse(Buffer.from(text))).toEqual({ status: 200, bodyBytes, totalBytes: text.length, close: false })
    for (let length = 0; length < text.length; length += 1) expect(parseResponse(Buffer.from(text.slice(0, length)))).toBeUndefined()
  })
})

describe('statistics and report', () => {
  test('takes the middle of an odd count and the mean of the two middle ones of an even count', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([])).toBeNaN()
  })

  test('takes percentiles by nearest rank', () => {
    const hundred = Float64Array.from({ length: 100 }, (_, index) => index + 1)
    expect(percentile(hundred, 50)).toBe(50)
    expect(percentile(hundred, 99)).toBe(99)
    expect(percentile(Float64Array.of(7), 99)).toBe(7)
  })

  test('writes Markdown with figures aligned to the right', () => {
    expect(table(['a', 'b'], [['x', '1']])).toBe('| a   |   b |\n| --- | --: |\n| x   |   1 |')
  })

  test('replaces what stands between the markers and nothing else', () => {
    const document = 'before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n'
    expect(replaceBetweenMarkers(document, 'new')).toBe('before\n<!-- bench:begin -->\n\nnew\n\n<!-- bench:end -->\nafter\n')
    expect(() => replaceBetweenMarkers('no markers', 'new')).toThrow('no <!-- bench:begin -->')
  })
})

describe('bodies', () => {
  test('the small answer is exactly 1 KiB of JSON', () => {
    expect(smallBody).toHaveLength(1024)
    expect(() => JSON.parse(smallBody) as unknown).not.toThrow()
  })

  test('zeros makes as many bytes as asked for, also beside the piece size', async () => {
    expect(await drain(zeros(200_001) as AsyncIterable<Buffer>, undefined)).toBe(200_001)
  })
})
