import { afterEach, beforeEach, expect, test } from 'vitest'
import { newIntent } from './intent.ts'
import type { Intent } from './intent.ts'
import { intentLedger } from './intent-ledger.ts'
import type { Hold, IntentLedger } from './intent-ledger.ts'
import { memoryStore } from './test/memory-store.ts'
import type { MemoryStore } from './test/memory-store.ts'

let nowMs = 0
let store: MemoryStore
let ledger: IntentLedger
let intent: Intent
const holds: Hold[] = []

beforeEach(() => {
  nowMs = 1_000_000
  store = memoryStore(() => nowMs)
  ledger = intentLedger({ store, epochNow: () => nowMs })
  intent = newIntent({ integration: 'payment', operation: 'pay', scope: 's', key: 'k', input: { amount: 1 }, ttlMs: 60_000, nowMs })
})

afterEach(() => {
  for (const hold of holds.splice(0)) hold.abandon()
})

const held = async (work: Promise<Hold | undefined>): Promise<Hold> => {
  const hold = await work
  if (hold === undefined) throw new Error('somebody else was first')
  holds.push(hold)
  return hold
}

const taken = async (): Promise<Hold> => {
  const found = await ledger.find(intent.id)
  if (found === undefined) throw new Error('there is none')
  return held(ledger.take(found, (one) => one))
}

test('an intent is held by one', async () => {
  await held(ledger.create(intent))
  expect(await ledger.create(intent)).toBeUndefined()
  const found = await ledger.find(intent.id)
  expect(found).toMatchObject({ state: 'running', record: { dueAtMs: nowMs + 10_000 } })
})

test('a held intent falls due when its lease is over', async () => {
  await held(ledger.create(intent))
  expect(await ledger.due(10)).toEqual([])
  nowMs += 10_001
  expect(await ledger.due(10)).toMatchObject([{ intent: { id: intent.id } }])
})

test('a success counts although somebody else took the intent over, who then finds it done', async () => {
  const first = await held(ledger.create(intent))
  nowMs += 10_001
  const second = await taken()
  const done = { state: 'completed', intent: { ...intent, output: { id: 'ch_1' } } } as const
  expect(await first.end(done)).toBe(done)
  expect(await second.end({ state: 'verifying', intent, dueAtMs: nowMs })).toMatchObject({ state: 'completed', intent: { output: { id: 'ch_1' } } })
})

test('what is no success does not overrule who took over', async () => {
  const first = await held(ledger.create(intent))
  nowMs += 10_001
  await taken()
  expect(await first.end({ state: 'failed', intent })).toMatchObject({ state: 'running' })
  await expect(first.note({ ...intent, by: 'backup' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_PROGRESS' })
})

test('a write whose confirmation was lost is known again', async () => {
  const hold = await held(ledger.create(intent))
  let troubles = 1
  store.trouble = () => ((troubles -= 1) >= 0 ? 'after' : undefined)
  const noted = { ...intent, by: 'backup' }
  await expect(hold.note(noted)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
  await hold.note(noted)
  troubles = 1
  const done = { state: 'completed', intent: { ...noted, output: 1 } } as const
  expect(await hold.end(done)).toBe(done)
  expect(await ledger.find(intent.id)).toMatchObject({ state: 'completed', intent: { by: 'backup', output: 1 } })
})

test('an output that is too large to keep is left out, an input is refused', async () => {
  const hold = await held(ledger.create(intent))
  await hold.end({ state: 'completed', intent: { ...intent, output: 'x'.repeat(2_000_000) } })
  expect(await ledger.find(intent.id)).toMatchObject({ state: 'completed', intent: { output: null } })
  const large = { ...intent, id: 'int_large', input: 'x'.repeat(2_000_000) }
  await expect(ledger.create(large)).rejects.toMatchObject({ code: 'OPERATION_INPUT_INVALID' })
})

test('what is never to be forgotten is not', async () => {
  const hold = await held(ledger.create({ ...intent, ttlMs: Infinity }))
  await hold.end({ state: 'completed', intent: { ...intent, ttlMs: Infinity, output: 1 } })
  nowMs += 1e15
  expect(await ledger.find(intent.id)).toMatchObject({ intent: { ttlMs: Infinity } })
})
