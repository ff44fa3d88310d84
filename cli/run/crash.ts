/** How long requests in flight may take to end once the process is known to be broken. */
const crashDrainMs = 2000

export interface CrashDeps {
  readonly log: { fatal(fields: object, message: string): void }
  /** Facts for the log line. */
  readonly fields?: object
  readonly drain: () => Promise<unknown>
  readonly end: (exitCode: number) => Promise<unknown>
}

/**
 * An exception that nobody caught, or a promise that nobody awaited, means that the state of the process is unknown:
 * it says so, gives requests in flight a moment, and ends with 1. A second one ends it at once.
 */
export const onCrash = (deps: CrashDeps): void => {
  let crashed = false
  process.on('uncaughtException', (error, origin) => {
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
