import { resolve } from 'node:path'
import type { SecretsConfig, StateStoreConfig } from '../model.ts'
import type { ValidInput, ValidState } from './input.ts'
import { resolveJobStore } from './job-store.ts'
import { readDurationMs } from './readers.ts'
import { resolveTls, type TlsTexts } from './tls.ts'

/** @param cwd What relative file names refer to; absolute. */
export const resolveState = (state: ValidState, texts: TlsTexts, cwd: string): StateStoreConfig => {
  if (state.type !== 'postgresql') return resolveJobStore(state, texts, cwd)
  return {
    type: 'postgresql',
    url: state.url,
    ...(state.password !== undefined && { password: state.password }),
    tablePrefix: state.table_prefix,
    maxConnections: state.max_connections,
    connectTimeoutMs: readDurationMs(state.connect_timeout),
    queryTimeoutMs: readDurationMs(state.query_timeout),
    ...(state.tls && { tls: resolveTls(state.tls, texts) }),
  }
}

export const resolveSecrets = ({ secrets, secret_store: store }: ValidInput, cwd: string): SecretsConfig => ({
  root: resolve(cwd, store.root),
  secrets: Object.entries(secrets ?? {}).map(([name, { path, rotation }]) => ({
    name,
    path,
    rotationMs: rotation === undefined ? Number.POSITIVE_INFINITY : readDurationMs(rotation),
  })),
})
