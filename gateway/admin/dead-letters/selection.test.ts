import { describe, expect, test } from 'vitest'
import { isoText, selected, selectedForChange } from './selection.ts'

const nowMs = Date.parse('2026-03-10T12:00:00Z')
const hourMs = 3_600_000

describe('a selection', () => {
  test('without conditions is everything', () => {
    expect(selected({}, nowMs)).toEqual({ ok: true, filter: {} })
    expect(selected({ ids: [] }, nowMs)).toEqual({ ok: true, filter: {} })
  })

  test('holds every condition that was given, each id once', () => {
    expect(selected({ ids: ['a', 'b', 'a'], reason: 'failed', error: 'status_503', since: '2h', until: '1h' }, nowMs)).toEqual({
      ok: true,
      filter: {
        ids: ['a', 'b'],
        reason: 'failed',
        errorType: 'status_503',
        parkedFromMs: nowMs - 2 * hourMs,
        parkedBeforeMs: nowMs - hourMs,
      },
    })
  })

  test.each([
    ['1h30m', nowMs - 1.5 * hourMs],
    ['7d', nowMs - 7 * 24 * hourMs],
    ['2026-03-01', Date.parse('2026-03-01T00:00:00Z')],
    ['2026-03-01T10:00Z', Date.parse('2026-03-01T10:00:00Z')],
    ['2026-03-01T10:00:00.250+02:00', Date.parse('2026-03-01T08:00:00.250Z')],
    // As `+02:00` arrives when nobody encoded it in a query.
    ['2026-03-01T10:00:00 02:00', Date.parse('2026-03-01T08:00:00Z')],
  ])('reads the time %s', (since, parkedFromMs) => {
    expect(selected({ since }, nowMs)).toEqual({ ok: true, filter: { parkedFromMs } })
  })

  test.each(['', 'yesterday', '5', '-1h', 'never', '2026-02-31', '2026-03-01T10:00', '2026-03-01T25:00Z', '1e9h', '∞'])(
    'refuses the time %j',
    (until) => {
      const found = selected({ until }, nowMs)
      expect(found).toMatchObject({ ok: false })
      expect(found.ok ? '' : found.message).toContain(`\`${until}\` is no time for until. Write an age such as \`1h\``)
    },
  )

  test('refuses bounds between which nothing lies', () => {
    expect(selected({ since: '1h', until: '2h' }, nowMs)).toMatchObject({ ok: false })
    expect(selected({ since: '1h', until: '1h' }, nowMs)).toMatchObject({ ok: false })
  })

  test('refuses a reason that does not exist and says which was meant', () => {
    expect(selected({ reason: 'faild' }, nowMs)).toEqual({
      ok: false,
      message: '`faild` is no reason. Reasons are rejected, failed, expired, interrupted, invalid. Did you mean `failed`?',
    })
  })

  test('refuses empty ids and error types, which a script with an unset variable would send', () => {
    expect(selected({ ids: [''] }, nowMs)).toMatchObject({ ok: false })
    expect(selected({ error: '' }, nowMs)).toMatchObject({ ok: false })
  })
})

describe('a selection that changes a queue', () => {
  test('must name ids, a filter, or say all', () => {
    expect(selectedForChange({}, nowMs, '`--all`')).toEqual({
      ok: false,
      message: 'Which ones? Give ids, a filter (reason, error, since, until), or `--all`.',
    })
    expect(selectedForChange({ all: true }, nowMs, '`--all`')).toEqual({ ok: true, filter: {} })
    expect(selectedForChange({ ids: ['a'] }, nowMs, '`--all`')).toEqual({ ok: true, filter: { ids: ['a'] } })
    expect(selectedForChange({ reason: 'failed' }, nowMs, '`--all`')).toEqual({ ok: true, filter: { reason: 'failed' } })
    expect(selectedForChange({ reason: 'failed', all: true }, nowMs, '`--all`')).toEqual({ ok: true, filter: { reason: 'failed' } })
  })

  test('is refused when it names ids and says all', () => {
    expect(selectedForChange({ ids: ['a'], all: true }, nowMs, '`--all`')).toMatchObject({ ok: false })
  })
})

test('a time that no calendar holds has no text', () => {
  expect(isoText(nowMs)).toBe('2026-03-10T12:00:00.000Z')
  for (const epochMs of [undefined, Number.NaN, Number.POSITIVE_INFINITY, 1e20]) expect(isoText(epochMs)).toBe(undefined)
})
