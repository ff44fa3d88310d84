import { expect, test } from 'vitest'
import { isMessageId, messageId } from './message-id.ts'

test('ids are all different, of version 7, and sort by time', () => {
  const ids = Array.from({ length: 2000 }, (_, index) => messageId(1_700_000_000_000 + index))
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.every(isMessageId)).toBe(true)
  expect([...ids].sort()).toEqual(ids)
  expect(ids[0]?.slice(0, 13)).toBe('018bcfe5-6800')
})

test.each(['', 'x', '018bcfe5-6800-4000-8000-000000000000', '018BCFE5-6800-7000-8000-000000000000', '018bcfe5-6800-7000-8000-0000000000001'])(
  '%j is none',
  (text) => {
    expect(isMessageId(text)).toBe(false)
  },
)
