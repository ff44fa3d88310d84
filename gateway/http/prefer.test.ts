import { expect, test } from 'vitest'
import { preferences } from './prefer.ts'

test.each([
  [undefined, 0, []],
  ['', 0, []],
  ['wait=10', 10_000, ['preference-applied', 'wait=10']],
  ['Wait = "10"; x=y', 10_000, ['preference-applied', 'wait=10']],
  ['respond-async, wait=5', 5000, ['preference-applied', 'respond-async, wait=5']],
  ['respond-async', 0, ['preference-applied', 'respond-async']],
  ['wait=3600', 60_000, ['preference-applied', 'wait=60']],
  ['wait=1, wait=2', 1000, ['preference-applied', 'wait=1']],
  ['wait=0', 0, ['preference-applied', 'wait=0']],
  ['wait=-1', 0, []],
  ['wait=1.5', 0, []],
  ['wait', 0, []],
  ['return=minimal, handling="a,wait=3"', 0, []],
  ['handling="a, wait=3, b", respond-async', 0, ['preference-applied', 'respond-async']],
  ['handling="\\", wait=3, \\""; x="y,", wait=2', 2000, ['preference-applied', 'wait=2']],
])('%j waits %i ms', (header, waitMs, applied) => {
  expect(preferences(header)).toEqual({ waitMs, applied })
})
