import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { gatewayLog } from './log.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-log-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('gatewayLog', () => {
  test('writes JSON lines with the level as a word, and errors with their causes', async () => {
    const path = join(folder, 'log')
    const { log, flush } = gatewayLog('info', openSync(path, 'w'))
    log.debug('not asked for')
    log.warn({ route: '/a' }, 'careful')
    log.error(new Error('broken', { cause: new Error('deeper') }), 'failed')
    await flush()
    const [warning, error] = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { err?: { stack: string } })
    expect(warning).toEqual({ level: 'warn', time: expect.any(Number) as number, route: '/a', msg: 'careful' })
    expect(error).toMatchObject({ level: 'error', msg: 'failed' })
    expect(error?.err?.stack).toContain('deeper')
  })

  test('writes of an error what it says and not what hangs on it, and frozen ones too', async () => {
    const path = join(folder, 'log')
    const { log, flush } = gatewayLog('info', openSync(path, 'w'))
    log.error({ err: Object.assign(new Error('refused'), { code: 'ECONNREFUSED', config: { headers: { authorization: 'hidden-token' } } }) }, 'first')
    log.error({ err: Object.freeze(new Error('frozen', { cause: 'cold' })) }, 'second')
    log.error({ err: { authorization: 'hidden-token' } }, 'third')
    log.error({ err: 'a text' }, 'fourth')
    await flush()
    const text = readFileSync(path, 'utf8')
    expect(text).not.toContain('hidden-token')
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(lines).toMatchObject([
      { msg: 'first', err: { type: 'Error', message: 'refused', code: 'ECONNREFUSED', stack: expect.any(String) as string } },
      { msg: 'second', err: { type: 'Error', message: 'frozen' } },
      { msg: 'third', err: 'a value that is no error' },
      { msg: 'fourth', err: 'a text' },
    ])
  })

  test('silent writes nothing, and the level can change', async () => {
    const path = join(folder, 'log')
    const { log, flush } = gatewayLog('silent', openSync(path, 'w'))
    log.error('no')
    log.level = 'debug'
    log.debug('yes')
    await flush()
    expect(readFileSync(path, 'utf8')).toMatch(/^\{"level":"debug",.*"msg":"yes"\}\n$/)
  })

  test('outlives a descriptor nobody reads any more', async () => {
    const path = join(folder, 'pipe')
    execFileSync('sh', ['-c', 'mkfifo "$0"', path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const { log, flush } = gatewayLog('info', openSync(path, 'w'))
    closeSync(reader)
    for (let round = 0; round < 3; round += 1) {
      log.info('into the void')
      await expect(flush()).resolves.toBeUndefined()
    }
  })
})
