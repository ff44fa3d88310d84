import { expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { maxRecordBytes } from '../state/record-store.ts'
import { memoryStore } from './test/memory-store.ts'
import { startProvider } from './test/provider.ts'
import { testAdapter } from './test/adapter.ts'
import { integrationOf, scene } from './test/scene.ts'
import type { Adapter } from '../plugin.ts'

const open: Adapter = {
  ...testAdapter,
  operations: Object.fromEntries(Object.entries(testAdapter.operations).map(([name, one]) => [name, { ...one, input: { type: 'object' } }])),
}

test('an input that is stored once can be stored with whatever becomes of it', async () => {
  const provider = await startProvider()
  const one = await scene({ store: memoryStore(Date.now), integrations: [integrationOf(provider.url)], adapter: open })
  provider.otherwise = () => 'lost_answer'
  let bytes = maxRecordBytes
  for (;;) {
    const paid = await one.pay({ input: { text: 'x'.repeat(bytes) }, key: `order-${bytes}` }).catch((error: unknown) => error)
    if (!(paid instanceof Error)) {
      expect(paid).toMatchObject({ type: 'pending' })
      provider.otherwise = () => 'ok'
      await until('it is done', async () => (await one.operations.status((paid as { id: string }).id))?.state === 'completed')
      break
    }
    expect(paid).toMatchObject({ code: 'OPERATION_INPUT_INVALID' })
    expect(provider.keys).toHaveLength(0)
    bytes -= 40
  }
  await one.drain(1000)
  await one.close()
  await provider.close()
})
