import { adapterAtWork } from '../../gateway/integrations/adapter-at-work.ts'

/** How long requests in flight may take to end once the process is known to be broken. */
const crashDrainMs = 2000
/** Of one adapter, at most one line in this time. */
const quietMs = 1000

export interface CrashDeps {
  readonly log: { fatal(fields: object, message: string): void; error(fields: object, message: string): void }
  /** Facts for the log line. */
  readonly fields?: object
  readonly drain: () => Promise<unknown>
  readonly end: (exitCode: number) => Promise<unknown>
}

/**
 * An exception that nobody caught, or a promise that nobody awaited, means that the state of the process is unknown:
 * it says so, gives requests in flight a moment, and ends with 1. A second one ends it at once.
 * One that the adapter of an integration let escape says nothing about the gateway: it is logged, and everything goes on.
 */
export const onCrash = (deps: CrashDeps): void => {
  let crashed = false
  const lines = new Map<string, { atMs: number; left: number }>()
  process.on('uncaughtException', (error, origin) => {
    const integration = adapterAtWork()
    if (integration !== undefined) {
      const last = lines.get(integration)
      const nowMs = performance.now()
      if (last !== undefined && nowMs - last.atMs < quietMs) {
        last.left += 1
        return
      }
      lines.set(integration, { atMs: nowMs, left: 0 })
      const fields = { ...deps.fields, err: error, origin, integration, suppressed: last?.left ?? 0 }
      deps.log.error(fields, `the adapter of ${integration} let an error escape, outside of any call`)
      return
    }
    if (crashed) process.exit(1)
    crashed = true
    deps.log.fatal(
      { ...deps.fields, err: error, origin },
      `unexpected error, the process ends: ${error instanceof Error ? error.message : String(error)}`,
    )
    const tooLong = setTimeout(() => void deps.end(1), crashDrainMs)
    deps.drain().then(
      () => {
        clearTimeout(tooLong)
        return deps.end(1)
      },
      () => deps.end(1),
    )
  })
}
