import { randomUUID } from 'node:crypto'
import { extname } from 'node:path'
import { storeThread } from '../messaging/jobs/store-thread.ts'
import type { GrantSource } from './grant-log.ts'
import type { GrantOperations } from './grant-program.ts'
import { deadMs, limitRole, sharedGrants } from './shared-grants.ts'
import type { SharedGrantsDeps } from './shared-grants.ts'

export interface SqliteGrantsOptions extends SharedGrantsDeps {
  /** The file, absolute; other stores may be in it. */
  readonly path: string
  /** Milliseconds since the epoch, for the log. */
  now(): number
}

const writes: ReadonlySet<keyof GrantOperations> = new Set<keyof GrantOperations>(['take'])

/**
 * Grants that the processes of one machine share over a file, as `sharedGrants` says: workers, and a process and the one that takes its place.
 * They outlive a restart: an hourly limit that is used up stays so.
 */
export function sqliteGrants({ path, log, now, ...deps }: SqliteGrantsOptions): GrantSource {
  const process = randomUUID()
  const store = storeThread<GrantOperations>({
    program: new URL(`./grant-program${extname(import.meta.url)}`, import.meta.url),
    path,
    data: undefined,
    writes,
    role: limitRole,
    log,
    now,
  })
  return sharedGrants(
    {
      take: (bucket, { limit, windowMs }, demand, made) =>
        store.call('take', { bucket, process, limit, windowMs: Math.ceil(windowMs), deadMs, made, demand }),
      close: () => void store.close(),
    },
    { log, ...deps },
  )
}
