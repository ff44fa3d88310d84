import { afterEach, expect, test } from 'vitest'
import type { Broker, QueueStats } from './broker.ts'
import { queueSampler } from './queue-sampler.ts'
import type { QueueSampler } from './queue-sampler.ts'

type Asked = Pick<Broker, 'stats'>

let sampler: QueueSampler | undefined

afterEach(() => sampler?.close())

const statsOf = (depth: number): readonly QueueStats[] => [{ queue: 'orders', depth, oldestAtMs: undefined, deadLetters: 0 }]
const depths = (): readonly (number | undefined)[] => sampler?.queues.map(({ depth }) => depth) ?? []

test('brokers that have just come are looked at when it is said, not at the next round', async () => {
  const brokers: Asked[] = []
  sampler = queueSampler(() => brokers)
  brokers.push({ stats: () => Promise.resolve(statsOf(3)) })
  await sampler.look()
  expect(depths()).toEqual([3])
})

test('a broker that cannot say is left out, one that answers too late is not believed', async () => {
  let answerLate: (stats: readonly QueueStats[]) => void = () => undefined
  const late = new Promise<readonly QueueStats[]>((resolve) => {
    answerLate = resolve
  })
  const brokers: Asked[] = [{ stats: () => late }]
  sampler = queueSampler(() => brokers)
  brokers.splice(0, 1, { stats: () => Promise.resolve(statsOf(1)) }, { stats: () => Promise.reject(new Error('away')) })
  await sampler.look()
  answerLate(statsOf(9))
  await late
  expect(depths()).toEqual([1])
})
