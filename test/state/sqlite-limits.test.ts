import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { outboundLimits } from '../../gateway/limits/outbound-limiter.ts'
import type { OutboundLimits } from '../../gateway/limits/outbound-limiter.ts'
import { sqliteGrants } from '../../gateway/limits/sqlite-grants.ts'
import type { Priority } from '../../gateway/limits/waiting-line.ts'
import { killed } from '../kit/child.ts'
import { go, grantsOf, limitUsers, rate } from './limit-users.ts'

let folder = ''
let path = ''
let all: OutboundLimits[] = []
let lines: string[] = []
let alone = 0
const line = (_fields: object, message: string): void => void lines.push(message)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-limits-'))
  path = join(folder, 'store.db')
  all = []
  lines = []
  alone = 0
})
afterEach(async () => {
  for (const limits of all) limits.close()
  await kill()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

/** As one more process has it. */
const open = (): OutboundLimits => {
  const limits = outboundLimits()
  const onAlone = (grants: number): void => {
    alone += grants
  }
  const log = { debug: line, info: line, warn: line, error: line }
  limits.share(sqliteGrants({ path, log, now: Date.now, monotonicNow: () => performance.now(), onAlone }))
  all.push(limits)
  return limits
}
const { process, kill } = limitUsers(() => ({ type: 'embedded', path }))

describe('a rate limit that the processes of one machine share over a file', () => {
  test('lets exactly 100 pass of 2 times 200 that come at the same time, and none after a crash', async () => {
    const two = await Promise.all([1, 2].map(() => process({ takes: 200, rate, maxWaitMs: 0 })))
    const [one = 0, other = 0] = await Promise.all(two.map(go))
    expect(one + other).toBe(100)
    await Promise.all(two.map(killed))
    const limits = open()
    expect(await grantsOf(limits, 10)).toBe(0)
    const refused = await limits.take('payment', rate, 0, { maxWaitMs: 0 })
    expect(refused.granted ? 0 : refused.retryAfterMs).toBeGreaterThan(50_000)
  })

  test('lets those pass who wait in two processes, no more in any window, and wastes none', async () => {
    const small = { limit: 20, windowMs: 500 }
    const two = await Promise.all([1, 2].map(() => process({ takes: 50, rate: small, maxWaitMs: 10_000 })))
    const began = performance.now()
    expect(await Promise.all(two.map(go))).toEqual([50, 50])
    expect(performance.now() - began).toBeGreaterThanOrEqual(2000)
    expect(performance.now() - began).toBeLessThan(3500)
  })

  test('serves all of P0 before P2, in whichever process they wait', async () => {
    const [one, two] = [open(), open()]
    const small = { limit: 5, windowMs: 400 }
    await grantsOf(two, 1)
    expect(await grantsOf(one, 5, small)).toBe(4)
    const order: string[] = []
    const wait = (limits: OutboundLimits, priority: Priority) =>
      Array.from({ length: 10 }, async () => {
        await limits.take('payment', small, priority, { maxWaitMs: 30_000 })
        order.push(`P${priority}`)
      })
    await Promise.all([...wait(one, 2), ...wait(two, 0)])
    expect(order).toEqual([...Array.from({ length: 10 }, () => 'P0'), ...Array.from({ length: 10 }, () => 'P2')])
  })

  test('lets no more pass when the clock is set back by 10 s', async () => {
    expect(await grantsOf(open(), 1)).toBe(1)
    const database = new DatabaseSync(path)
    // As it looks afterwards: the last grant lies ahead.
    database.prepare('UPDATE limit_grants SET at_ms = at_ms + 10000').run()
    database.close()
    expect(await grantsOf(open(), 200)).toBe(99)
    const refused = await open().take('payment', rate, 0, { maxWaitMs: 0 })
    expect(refused.granted ? 0 : refused.retryAfterMs).toBeGreaterThan(60_000)
  })

  test('is kept by each process alone while the file cannot be used', async () => {
    await writeFile(path, 'no database at all, but long enough to be taken for one'.repeat(100))
    expect(await grantsOf(open(), 200)).toBe(100)
    expect(alone).toBe(100)
    expect(lines.filter((message) => message.startsWith('each process'))).toHaveLength(1)
  })
})
