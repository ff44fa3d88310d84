import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { memoryStore } from './test/memory-store.ts'
import type { MemoryStore } from './test/memory-store.ts'
import { startProvider } from './test/provider.ts'
import type { TestProvider } from './test/provider.ts'
import { integrationOf, modeOf, scene } from './test/scene.ts'
import type { Scene } from './test/scene.ts'

let first: TestProvider
let second: TestProvider
let store: MemoryStore
let one: Scene

beforeEach(async () => {
  first = await startProvider()
  second = await startProvider()
  store = memoryStore(Date.now)
})

afterEach(async () => {
  await one.drain(2000)
  await one.close()
  await Promise.all([first.close(), second.close()])
})

test.for(['pay', 'pay_and_ask', 'capture'])(
  '%s of unknown outcome is not repeated at another provider that took over the name',
  async (operation) => {
    first.otherwise = () => 'lost_answer'
    one = await scene({
      store,
      integrations: [integrationOf(first.url, { reconcile: { baseDelayMs: 60_000, maxDelayMs: 60_000, giveUpAfterMs: 82_800_000 } })],
    })
    const paid = await one.pay({ operation })
    expect(paid).toMatchObject({ type: 'pending' })
    const [record] = store.records.values()
    if (record === undefined) throw new Error('there is no intent')
    await store.put({ ...record, dueAtMs: Date.now() }, record.version)
    await one.apply([integrationOf(second.url)])
    await until('a person is asked', async () => (await one.operations.status(paid.id))?.state === 'review')
    expect([first.charges.size, second.keys.length]).toEqual([1, 0])
    expect(one.alerts.map(({ about }) => about)).toEqual([`payment.${operation}/review/${paid.id}`])
  },
)

test('what was not executed goes on at the provider that took over the name, and stays there', async () => {
  first.otherwise = () => 503
  one = await scene({ store, integrations: [integrationOf(first.url, { modes: [modeOf({ kind: 'service_down' }, 'queue')] })] })
  const paid = await one.pay()
  expect(paid).toMatchObject({ type: 'pending' })
  await one.apply([integrationOf(second.url)])
  second.script('lost_answer')
  expect(await one.operations.resume(paid.id, 'delivery')).toMatchObject({ type: 'wait' })
  await until('it is done', async () => (await one.operations.status(paid.id))?.state === 'completed')
  expect([first.executed, second.executed]).toEqual([0, 1])
})
