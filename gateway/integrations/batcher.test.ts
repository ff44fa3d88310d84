import { expect, test } from 'vitest'
import type { OperationCall } from '../plugin.ts'
import { ProviderFailure } from '../plugin.ts'
import { batcher } from './batcher.ts'
import type { BatchAnswer, Batcher } from './batcher.ts'

const callOf = (input: string, signal = new AbortController().signal): OperationCall => ({
  input,
  key: input,
  attempt: 1,
  firstAttemptAtMs: 0,
  signal,
})
const inputs = (calls: readonly OperationCall[]): string => calls.map(({ key }) => key).join('')

const collecting = (
  options: { size: number; maxWaitMs: number },
  send: (calls: readonly OperationCall[], signal: AbortSignal) => Promise<readonly BatchAnswer[]>,
): Batcher => batcher({ ...options, send, mismatch: () => new Error('mismatch'), givenUp: () => new Error('given up') })

test('sends as soon as there are enough, and what is left after a while', async () => {
  const sent: string[] = []
  const batch = collecting({ size: 2, maxWaitMs: 20 }, (calls) => {
    sent.push(inputs(calls))
    return Promise.resolve(calls.map(({ key }) => `${key}!`))
  })
  expect(await Promise.all(['a', 'b', 'c'].map((input) => batch.add(callOf(input))))).toEqual(['a!', 'b!', 'c!'])
  expect(sent).toEqual(['ab', 'c'])
})

test('waits for nobody when there is no time', async () => {
  const batch = collecting({ size: 2, maxWaitMs: 1_000_000 }, (calls) => Promise.resolve(calls.map(({ key }) => key)))
  const early = batch.add(callOf('a'))
  batch.hurry()
  expect(await early).toBe('a')
  expect(await batch.add(callOf('b'))).toBe('b')
})

test('gives each call its own answer, failures too', async () => {
  const batch = collecting({ size: 2, maxWaitMs: 1000 }, () =>
    Promise.resolve(['fine', new ProviderFailure('invalid_email', 'no such address', { executed: 'no' })]),
  )
  const results = await Promise.allSettled([batch.add(callOf('a')), batch.add(callOf('b'))])
  expect(results).toMatchObject([{ value: 'fine' }, { reason: { kind: 'invalid_email' } }])
})

test('fails all when the batch fails, or has another number of answers', async () => {
  const failing = collecting({ size: 2, maxWaitMs: 1000 }, () => Promise.reject(new Error('down')))
  expect(await Promise.allSettled([failing.add(callOf('a')), failing.add(callOf('b'))])).toMatchObject([
    { reason: { message: 'down' } },
    { reason: { message: 'down' } },
  ])
  const odd = collecting({ size: 1, maxWaitMs: 1000 }, () => Promise.resolve([]))
  await expect(odd.add(callOf('a'))).rejects.toThrow('mismatch')
})

test('leaves out who gives up before it is sent, and goes on for the others when one gives up later', async () => {
  const early = new AbortController()
  const late = new AbortController()
  let sent = ''
  let signal: AbortSignal | undefined
  const answered = Promise.withResolvers<readonly BatchAnswer[]>()
  const batch = collecting({ size: 2, maxWaitMs: 1000 }, (calls, ofBatch) => {
    sent = inputs(calls)
    signal = ofBatch
    return answered.promise
  })
  const gone = batch.add(callOf('a', early.signal))
  early.abort()
  await expect(gone).rejects.toThrow('given up')
  const both = Promise.all([batch.add(callOf('b', late.signal)), batch.add(callOf('c'))])
  late.abort()
  expect(sent).toBe('bc')
  expect(signal?.aborted).toBe(false)
  answered.resolve(['B', 'C'])
  expect(await both).toEqual(['B', 'C'])
})
