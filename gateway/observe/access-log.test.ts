import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AccessEntry, AccessLog, AccessLogDeps } from './access-log.ts'
import { accessLog } from './access-log.ts'
import { logDestination } from './log-destination.ts'

const trace = { traceId: 'a'.repeat(32), parentSpanId: undefined, spanId: 'b'.repeat(16), sampled: true, flags: '01', tracestate: undefined }
const entry = (number: number): AccessEntry => ({
  listener: 'main',
  method: 'GET',
  path: `/${number}`,
  query: 'q',
  status: 200,
  attempts: 1,
  durationMs: 1,
  bytesOut: 0,
  client: '::1',
  trace,
})
const on = { enabled: true, query: false, requestHeaders: [] }

let folder: string
let dropped: number
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-access-log-'))
  dropped = 0
})
afterEach(() => rmSync(folder, { recursive: true }))

const logTo = (fd: number, options: Partial<AccessLogDeps> = {}): AccessLog =>
  accessLog(on, { destination: logDestination({ fd }), onDropped: (lines) => void (dropped += lines), flushTimeoutMs: 300, retryMs: 10, ...options })

const paths = (text: string): string[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { path: string }).path)

const numbered = (count: number): string[] => Array.from({ length: count }, (_, number) => `/${number}`)

/** A pipe with both ends in this process; its buffer is filled when nobody reads. */
const pipe = (flags: number): { fd: number; read(): string } => {
  const path = join(folder, 'pipe')
  execFileSync('sh', ['-c', 'mkfifo "$0"', path])
  const readEnd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const fd = openSync(path, flags)
  const buffer = Buffer.alloc(1_048_576)
  const read = (): string => {
    let text = ''
    try {
      for (;;) text += buffer.toString('latin1', 0, readSync(readEnd, buffer))
    } catch {
      return text
    }
  }
  return { fd, read }
}

describe('accessLog', () => {
  test('writes every line to a file, in order, whole', async () => {
    const path = join(folder, 'log')
    const log = logTo(openSync(path, 'w'))
    for (let number = 0; number < 2000; number += 1) log.write(entry(number))
    await log.close()
    expect(paths(readFileSync(path, 'latin1'))).toEqual(numbered(2000))
    expect(dropped).toBe(0)
  })

  test('writes a single line without being asked to', async () => {
    const { fd, read } = pipe(constants.O_WRONLY)
    const log = logTo(fd, { flushIntervalMs: 1 })
    log.write(entry(0))
    await expect.poll(read, { interval: 5 }).toContain('"path":"/0"')
    await log.close()
  })

  test('follows a change of its configuration from the next line on', async () => {
    const path = join(folder, 'log')
    const log = logTo(openSync(path, 'w'))
    log.write(entry(0))
    log.reconfigure({ ...on, enabled: false })
    log.write(entry(1))
    log.reconfigure({ ...on, query: true })
    log.write(entry(2))
    await log.close()
    const lines = readFileSync(path, 'latin1')
    expect(paths(lines)).toEqual(['/0', '/2'])
    expect(lines.match(/"query":"q"/g)).toHaveLength(1)
  })

  test.each([
    ['that does not block', constants.O_WRONLY | constants.O_NONBLOCK],
    ['that blocks', constants.O_WRONLY],
  ])('drops and counts lines when nobody reads a pipe %s, and goes on when somebody does', async (_, flags) => {
    const { fd, read } = pipe(flags)
    const log = logTo(fd, { maxWaitingBytes: 100_000 })
    for (let number = 0; number < 5000; number += 1) log.write(entry(number))
    await log.flush()
    expect(dropped).toBeGreaterThan(3000)
    const before = dropped

    let text = ''
    await expect.poll(() => paths((text += read())).length, { interval: 5, timeout: 5000 }).toBe(5000 - before)
    log.write(entry(5000))
    await log.close()
    const written = paths(text + read())
    expect(dropped).toBe(before)
    expect(written).toEqual([...numbered(5000 - before), '/5000'])
  })

  test('survives a reader that has gone, and counts what is lost', async () => {
    const path = join(folder, 'pipe')
    execFileSync('sh', ['-c', 'mkfifo "$0"', path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const log = logTo(openSync(path, 'w'), { maxWaitingBytes: 10_000 })
    closeSync(reader)
    for (let round = 0; round < 10; round += 1) {
      for (let number = 0; number < 100; number += 1) log.write(entry(number))
      await log.flush()
    }
    await log.close()
    expect(dropped).toBe(1000)
  })

  test('closes in bounded time when nobody reads, and counts what it gives up', async () => {
    const { fd } = pipe(constants.O_WRONLY | constants.O_NONBLOCK)
    const log = logTo(fd, { flushTimeoutMs: 20 })
    for (let number = 0; number < 3000; number += 1) log.write(entry(number))
    expect(dropped).toBe(0)
    await log.close()
    expect(dropped).toBeGreaterThan(2000)
  })

  test('ignores lines after it was closed', async () => {
    const path = join(folder, 'log')
    const log = logTo(openSync(path, 'w'))
    await log.close()
    log.write(entry(0))
    await log.flush()
    await log.close()
    expect(readFileSync(path, 'latin1')).toBe('')
  })
})
