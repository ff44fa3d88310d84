import { expect, test } from 'vitest'
import { commits } from './commits.ts'
import { groupPartition } from './group-partition.ts'

test('settlements that waited in vain for a commit are not kept', async () => {
  const partition = groupPartition('work', 0, 0n)
  const offsets = commits({
    timeoutMs: 10,
    partitions: () => [partition],
    // The group is being divided for longer than anybody waits.
    member: () => undefined,
    onIdle: () => undefined,
    onFailed: () => undefined,
  })
  for (const offset of [0n, 1n, 2n]) {
    partition.tracker.delivered(offset)
    partition.tracker.settled(offset)
  }
  const settlements = await Promise.allSettled([0n, 1n, 2n].map((offset) => offsets.stored(partition, offset)))
  for (const settlement of settlements) expect(settlement).toMatchObject({ reason: { code: 'BROKER_UNAVAILABLE' } })
  expect(partition.waiters).toEqual([])
  expect(partition.tracker.committable).toBe(3n)
  offsets.close()
})
