import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** V8's garbage collector: the young generation alone, or everything. */
export type Collector = (options: { type: 'minor' | 'major' }) => void

let known: Collector | undefined

/** The collector of this process. Where the engine gives none, it does nothing and memory behaves as the engine likes. */
export function collector(): Collector {
  known ??= find()
  return known
}

function find(): Collector {
  setFlagsFromString('--expose-gc')
  const found: unknown = runInNewContext('gc')
  return isCollector(found) ? found : () => undefined
}

const isCollector = (value: unknown): value is Collector => typeof value === 'function'
