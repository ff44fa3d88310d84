import { expect, test, vi } from 'vitest'
import { describeFailure, isRefusal, isSilence } from './library.ts'

test('a missing client package is named with the one command that installs it', async () => {
  vi.doMock('@platformatic/kafka', () => {
    throw new Error("Cannot find package '@platformatic/kafka'")
  })
  vi.resetModules()
  const { loadLibrary } = await import('./library.ts')
  await expect(loadLibrary()).rejects.toMatchObject({
    code: 'BROKER_MISCONFIGURED',
    detail: 'The Kafka client is not installed; run: npm install @platformatic/kafka',
  })
  vi.doUnmock('@platformatic/kafka')
})

const coded = (code: string, message: string, cause?: Error): Error => Object.assign(new Error(message, { cause }), { code })

test('what an error consists of and what caused it decides what it is', () => {
  const refused = new AggregateError(
    [coded('PLT_KFK_NETWORK', 'Connection to a:1 failed.', coded('PLT_KFK_AUTHENTICATION', 'no'))],
    'metadata failed 2 times.',
  )
  expect([isRefusal(refused), isSilence(refused)]).toEqual([true, true])
  expect(isSilence(new AggregateError([coded('PLT_KFK_PROTOCOL', 'not yours')]))).toBe(false)
  expect(isSilence('text')).toBe(false)
  expect(describeFailure(refused)).toBe('Connection to a:1 failed.; no')
})

test('an error that causes itself is described', () => {
  const error = new Error('round')
  error.cause = error
  expect(describeFailure(error)).toBe('round')
})
