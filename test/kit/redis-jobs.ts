import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { RedisStoreConfig } from '../../config/model.ts'
import type { JobRequest, JobStore } from '../../gateway/messaging/jobs/job-store.ts'
import { redisJobStore } from '../../gateway/messaging/jobs/redis-job-store.ts'
import type { RedisJobStoreOptions } from '../../gateway/messaging/jobs/redis-job-store.ts'
import type { JobStoreHarness } from '../contracts/job-store-suite.ts'
import { until } from './until.ts'

/** Stores over one Redis, under keys of their own. */
export interface RedisJobs extends JobStoreHarness {
  readonly config: RedisStoreConfig
  open(settings?: Partial<RedisJobStoreOptions>): JobStore
  /** All that was logged: level, fields and message of each line. */
  readonly lines: readonly string[]
}

/** Of processes that are killed: the rest of the time is waited for. */
const briefLeaseMs = 500

export function redisJobs(base: RedisStoreConfig): RedisJobs {
  const config = { ...base, keyPrefix: `${randomUUID()}:` }
  const stores: JobStore[] = []
  const children: ChildProcess[] = []
  const lines: string[] = []
  const errors: string[] = []
  let nowMs = 1_700_000_000_000
  const line = (level: string) => (fields: object, message: string) => {
    const shown = Object.entries(fields).map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`)
    lines.push([level, ...shown, message].join(' '))
    if (level === 'error') errors.push(message)
  }
  const log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
  return {
    config,
    lines,
    errors,
    claimMs: 1000,
    now: () => nowMs,
    // Redis goes by a clock of its own.
    pass: async (ms) => {
      const end = performance.now() + ms + 5
      await until(`${ms} ms have passed`, () => performance.now() > end, ms + 5000)
      nowMs += ms
    },
    open: (settings) => {
      const store = redisJobStore({ config, statusTtlMs: 60_000, log, now: () => nowMs, ...settings })
      stores.push(store)
      return store
    },
    claimer: async (request) => {
      const child = claimer(config, request)
      children.push(child)
      if (child.stdout !== null) await once(child.stdout, 'data')
      return child
    },
    stop: async () => {
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(stores.map((store) => store.close()))
    },
  }
}

function claimer(config: RedisStoreConfig, request: JobRequest): ChildProcess {
  const store = new URL('../../gateway/messaging/jobs/redis-job-store.ts', import.meta.url).href
  const program = `
    import { redisJobStore } from ${JSON.stringify(store)}
    const line = () => undefined
    const log = { debug: line, info: line, warn: line, error: line }
    const store = redisJobStore({ config: ${JSON.stringify(config)}, statusTtlMs: 60000, log, now: Date.now, leaseMs: ${briefLeaseMs} })
    await store.begin(${JSON.stringify(request)})
    process.stdout.write('claimed')
    setInterval(() => undefined, 1000)`
  return spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
}
