import { argv, stdout } from 'node:process'
import { sqliteRecordStore } from '../../state/sqlite-record-store.ts'
import { integrationOf, scene, silentLog } from './scene.ts'

/** A process that pays: `crash-program.ts FILE PROVIDER FIRST COUNT`. It says which payment has which outcome, and ends when nothing is open. */
const [, , path = '', url = '', first = '0', count = '0'] = argv
const store = sqliteRecordStore({ path, log: silentLog, now: Date.now })
const one = await scene({ store, integrations: [integrationOf(url)] })

const pay = async (index: number): Promise<void> => {
  try {
    const { type } = await one.pay({ key: `order-${index}`, operation: index % 2 === 0 ? 'pay' : 'pay_and_ask' })
    stdout.write(`${index} ${type}\n`)
  } catch (error) {
    stdout.write(`${index} ${String((error as { code?: string }).code)}\n`)
  }
}

const to = Number(first) + Number(count)
for (let index = Number(first); index < to; index += 4) {
  await Promise.all([index, index + 1, index + 2, index + 3].filter((each) => each < to).map(pay))
}
let open = true
while (open) {
  const counts = await store.counts('intent')
  open = Object.keys(counts).some((state) => state !== 'completed' && state !== 'failed')
  await new Promise((resolve) => setTimeout(resolve, 100))
}
await one.drain(1000)
await one.close()
await store.close()
