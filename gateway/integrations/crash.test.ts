import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { killed } from '../../test/kit/child.ts'
import { until } from '../../test/kit/until.ts'
import { sqliteRecordStore } from '../state/sqlite-record-store.ts'
import { startProvider } from './test/provider.ts'
import { silentLog } from './test/scene.ts'
import type { Fault, TestProvider } from './test/provider.ts'

const program = fileURLToPath(new URL('./test/crash-program.ts', import.meta.url))
const payments = 60

let folder = ''
let provider: TestProvider
let child: ChildProcess | undefined
let said = ''

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'headgate-crash-'))
  provider = await startProvider()
  said = ''
})

afterEach(async () => {
  await killed(child)
  await provider.close()
  rmSync(folder, { recursive: true })
})

const run = (first: number): ChildProcess => {
  const started = spawn(process.execPath, [program, join(folder, 'state.db'), provider.url, String(first), String(payments)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  return started
}

test('a process that is killed in the middle, again and again, doubles nothing and loses nothing', { timeout: 60_000 }, async () => {
  const faults: readonly Fault[] = ['ok', 'lost_answer', 'ok', 409, 'ok', 'lost_request', 'ok', 503, 'ok', 500]
  let turn = 0
  provider.otherwise = () => faults[(turn += 1) % faults.length] ?? 'ok'
  for (let kill = 1; kill <= 4; kill += 1) {
    child = run(0)
    const sent = provider.keys.length
    // In the middle of whatever comes after so many requests.
    await until('some were sent', () => provider.keys.length > sent + kill * 7, 20_000)
    await killed(child)
  }
  child = run(0)
  await until('the process has ended', () => child?.exitCode !== null, 45_000)
  expect(child.exitCode).toBe(0)

  const store = sqliteRecordStore({ path: join(folder, 'state.db'), log: silentLog, now: Date.now })
  expect(await store.counts('intent')).toEqual({ completed: payments })
  await store.close()
  expect(provider.charges.size).toBe(payments)
  expect(provider.executed).toBe(payments)
  expect(said).not.toContain('failed')
})
