import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { PostgresqlStoreConfig, RedisStoreConfig } from '../../config/model.ts'
import { killed } from '../kit/child.ts'
import { until } from '../kit/until.ts'

/** What the other process opens, and what it does with it. */
export interface StoreTask {
  readonly store: RedisStoreConfig | PostgresqlStoreConfig | { readonly type: 'embedded'; readonly path: string }
  /**
   * - `write`: puts new records, some at the same time, and says the id of each when it is confirmed.
   * - `race`: changes one record again and again, and says the version whenever it was first.
   */
  readonly work: 'write' | 'race'
}

/** Another process that uses a store until it is killed. */
export interface StoreProcess {
  /** All that it has said so far. */
  said(): readonly string[]
  kill(): Promise<void>
}

export async function storeProcess(task: StoreTask): Promise<StoreProcess> {
  const child = fork(fileURLToPath(new URL('./store-user.ts', import.meta.url)), [JSON.stringify(task)], { execArgv: [] })
  const heard: string[] = []
  child.on('message', (said: string) => heard.push(said))
  child.on('error', () => undefined)
  await until('the other process has begun', () => heard.length > 0, 15_000)
  return { said: () => heard, kill: () => killed(child) }
}
