import type { GatewayConfig, MessagingConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import type { BrokerLog } from '../broker.ts'
import type { JobStore } from './job-store.ts'

export interface SharedJobs extends JobStore {
  /** Loads the store where this configuration takes messages over HTTP or hands them on; the store in use stays as it is while its settings are the same. */
  prepare(config: GatewayConfig): Promise<PreparedJobs>
}

export interface PreparedJobs {
  /** From now on the store of the new configuration is used. */
  enter(): void
}

export interface SharedJobsDeps {
  readonly log: BrokerLog
  /** Milliseconds since the epoch. */
  now(): number
}

/**
 * The job store of the configuration in force; opened when the first rule needs one, or a consumer, whose messages another process may have
 * taken over HTTP. The file of the embedded store is not touched before it is used.
 */
export function sharedJobs(deps: SharedJobsDeps): SharedJobs {
  let store: JobStore | undefined
  let settings = ''

  const opened = (): JobStore => {
    if (store === undefined) throw new GatewayError('BROKER_UNAVAILABLE', { detail: 'there is no store for the status of messages' })
    return store
  }

  return {
    prepare: async ({ messaging, routes, consumers }) => {
      const wanted = JSON.stringify(messaging)
      if (consumers.length === 0 && !routes.some(({ target }) => target.type === 'queue')) return { enter: () => undefined }
      const open = await opener(messaging, deps)
      return {
        enter: () => {
          if (wanted === settings) return
          settings = wanted
          void store?.close()
          store = open()
        },
      }
    },
    begin: async (request) => opened().begin(request),
    stored: async (id) => opened().stored(id),
    forget: async (id) => opened().forget(id),
    update: async (id, change) => store?.update(id, change),
    get: async (id) => store?.get(id),
    wait: async (id, ms, signal) => store?.wait(id, ms, signal),
    close: async () => store?.close(),
  }
}

/** Loads what the kind of store needs, and nothing of the others. */
async function opener({ store, statusTtlMs }: MessagingConfig, deps: SharedJobsDeps): Promise<() => JobStore> {
  if (store.type === 'redis') {
    const { redisJobStore } = await import('./redis-job-store.ts')
    return () => redisJobStore({ config: store, statusTtlMs, ...deps })
  }
  const { sqliteJobStore } = await import('./sqlite-job-store.ts')
  return () => sqliteJobStore({ path: store.path, statusTtlMs, ...deps })
}
