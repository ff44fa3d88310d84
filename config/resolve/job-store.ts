import { resolve } from 'node:path'
import type { JobStoreInput } from '../../schemas/job-store.ts'
import type { JobStoreConfig } from '../model.ts'
import { readDurationMs } from './readers.ts'
import { resolveTls, type TlsTexts } from './tls.ts'

/** @param cwd What relative file names refer to; absolute. */
export const resolveJobStore = (store: JobStoreInput, texts: TlsTexts, cwd: string): JobStoreConfig => {
  if (store.type === 'embedded') return { type: 'embedded', path: resolve(cwd, store.path) }
  return {
    type: 'redis',
    urls: store.urls,
    ...(store.username !== undefined && { username: store.username }),
    ...(store.password !== undefined && { password: store.password }),
    ...(store.tls && { tls: resolveTls(store.tls, texts) }),
    keyPrefix: store.key_prefix,
    ...(store.sentinel && { sentinel: store.sentinel }),
    wait: { replicas: store.wait.replicas, timeoutMs: readDurationMs(store.wait.timeout) },
    commandTimeoutMs: readDurationMs(store.command_timeout),
    connectTimeoutMs: readDurationMs(store.connect_timeout),
  }
}
