import { expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { loopWatch } from './loop-watch.ts'

test('a loop that was held up is reported with how long, a busy one that turns is not', async () => {
  const blocked: number[] = []
  const end = loopWatch({ now: () => performance.now(), log: { warn: (fields) => void blocked.push((fields as { blockedMs: number }).blockedMs) } })
  try {
    const turnsUntilMs = performance.now() + 700
    while (performance.now() < turnsUntilMs) await new Promise((resolve) => setImmediate(resolve))
    expect(blocked).toEqual([])
    const blockedUntilMs = performance.now() + 2000
    while (performance.now() < blockedUntilMs) Math.random()
    await until('the block was reported', () => blocked.length > 0)
    expect(blocked[0]).toBeGreaterThanOrEqual(1000)
  } finally {
    end()
  }
})
