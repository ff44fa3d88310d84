/** A process that begins one flow, and kills itself just before or just after one of its writes where it is told to. */
import { sqliteRecordStore } from '../../gateway/state/sqlite-record-store.ts'
import type { RecordStore } from '../../gateway/state/record-store.ts'
import { flowGateway } from './flow-gateway.ts'
import type { FlowTask } from './flow-gateway.ts'

const task = JSON.parse(process.argv[2] ?? '') as FlowTask
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const store = sqliteRecordStore({ path: task.path, log: silent, now: Date.now })
let writes = 0

const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

/** Counts what moves the flow; renewals of its lease would be a matter of time. */
const deadly: RecordStore = {
  ...store,
  put: async (record, expectedVersion) => {
    writes += 1
    if (task.kill?.write === writes && task.kill.when === 'before') return die()
    const version = await store.put(record, expectedVersion)
    if (task.kill?.write === writes && task.kill.when === 'after') return die()
    return version
  },
}

const { engine } = flowGateway(deadly, task.url, { leaseMs: task.leaseMs, renewMs: 60_000 })
const { id } = await engine.start({ flow: task.flow, input: { trial: task.trial }, key: task.trial, scope: 'test' })
await engine.wait(id, 60_000, new AbortController().signal)
process.send?.(writes)
process.disconnect?.()
process.exit(0)
