import { expect, test } from 'vitest'
import { queryOf } from './query.ts'

const ask = (text: string): ReturnType<typeof queryOf> => queryOf(new URLSearchParams(text), 10_000)

test('an empty query lists the first 50', () => {
  expect(ask('')).toEqual({ ok: true, filter: {}, limit: 50 })
})

test('reads filters and the limit', () => {
  expect(ask('reason=failed&error=status_503&since=1s&limit=7')).toEqual({
    ok: true,
    filter: { reason: 'failed', errorType: 'status_503', parkedFromMs: 9000 },
    limit: 7,
  })
})

test.each(['limit=0', 'limit=1001', 'limit=-1', 'limit=x', 'limit=', 'reason=nope', 'since=soon', 'reson=failed', 'reason=failed&reason=expired'])(
  'refuses %s',
  (query) => {
    expect(ask(query)).toMatchObject({ ok: false })
  },
)
