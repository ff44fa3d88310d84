import type { GatewayConfig, StateStoreConfig } from '../../config/model.ts'
import type { BrokerLog } from '../messaging/broker.ts'
import type { RecordStore } from './record-store.ts'
import { stateRole } from './state-role.ts'

export interface SharedState extends RecordStore {
  /**
   * Loads the store where this configuration needs one; the one in use stays as it is while its settings are the same.
   * @throws {GatewayError} STATE_UNAVAILABLE when its client is not installed; SECRET_UNAVAILABLE.
   */
  prepare(config: StateNeeds): Promise<PreparedState>
}

export interface PreparedState {
  /** From now on the store of the new configuration is used. */
  enter(): void
}

/** What a configuration says about state. */
export type StateNeeds = Pick<GatewayConfig, 'integrations' | 'flows' | 'alerts' | 'routes' | 'state'>

export interface SharedStateDeps {
  readonly log: BrokerLog
  /** Milliseconds since the epoch. */
  now(): number
  /** Fills references to secrets in: passwords may be some. */
  reveal(text: string): string
}

/** The store of the configuration in force. Nothing is opened before the first configuration that has something to remember. */
export function sharedState(deps: SharedStateDeps): SharedState {
  let store: RecordStore | undefined
  let settings = ''

  const opened = (): RecordStore => {
    if (store === undefined) throw stateRole.unavailable(new Error('there is no state store'), false)
    return store
  }

  return {
    prepare: async (config) => {
      if (!needsState(config)) return { enter: () => undefined }
      const { state } = config
      const revealed = state.type === 'redis' ? withSecrets(state, deps.reveal) : state
      const wanted = JSON.stringify(revealed)
      if (wanted === settings) return { enter: () => undefined }
      const open = await opener(revealed, deps)
      return {
        enter: () => {
          if (wanted === settings) return
          settings = wanted
          void store?.close()
          store = open()
        },
      }
    },
    get: async (kind, id) => opened().get(kind, id),
    put: async (record, expectedVersion) => opened().put(record, expectedVersion),
    remove: async (kind, id, expectedVersion) => opened().remove(kind, id, expectedVersion),
    due: async (kind, nowMs, limit) => opened().due(kind, nowMs, limit),
    list: async (kind, query) => opened().list(kind, query),
    counts: async (kind) => opened().counts(kind),
    close: async () => store?.close(),
  }
}

const needsState = ({ integrations, flows, alerts, routes }: StateNeeds): boolean =>
  integrations.length > 0 || flows.length > 0 || alerts.length > 0 || routes.some(({ target }) => target.type === 'webhook')

/** Loads what the kind of store needs, and nothing of the others. */
async function opener(config: StateStoreConfig, deps: SharedStateDeps): Promise<() => RecordStore> {
  switch (config.type) {
    case 'redis': {
      const { redisRecordStore } = await import('./redis-record-store.ts')
      return () => redisRecordStore({ config, ...deps })
    }
    case 'postgresql': {
      const [{ postgresqlRecordStore }, { loadPgLibrary }] = await Promise.all([
        import('./postgresql-record-store.ts'),
        import('./postgresql-library.ts'),
      ])
      const library = await loadPgLibrary()
      return () => postgresqlRecordStore({ config, library, ...deps })
    }
    case 'embedded': {
      const { sqliteRecordStore } = await import('./sqlite-record-store.ts')
      return () => sqliteRecordStore({ path: config.path, ...deps })
    }
  }
}

type RedisConfig = Extract<StateStoreConfig, { readonly type: 'redis' }>

/** Who connects to Redis says a password once, at the start: a rotated one is picked up by the next reload. */
export function withSecrets(config: RedisConfig, reveal: (text: string) => string): RedisConfig {
  const { sentinel } = config
  return {
    ...config,
    urls: config.urls.map(reveal),
    ...(config.username === undefined ? {} : { username: reveal(config.username) }),
    ...(config.password === undefined ? {} : { password: reveal(config.password) }),
    ...(sentinel === undefined
      ? {}
      : {
          sentinel: {
            ...sentinel,
            ...(sentinel.username === undefined ? {} : { username: reveal(sentinel.username) }),
            ...(sentinel.password === undefined ? {} : { password: reveal(sentinel.password) }),
          },
        }),
  }
}
