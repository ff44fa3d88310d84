import type { DataPlane } from '../../gateway/fleet.ts'
import { accessLog } from '../../gateway/observe/access-log.ts'
import { logDestination } from '../../gateway/observe/log-destination.ts'
import type { GatewayLog } from '../../gateway/observe/log.ts'
import type { Metrics } from '../../gateway/observe/metrics.ts'
import { runtime } from '../../gateway/runtime.ts'
import { setLevel } from './log-level.ts'

const standardOutput = 1

/** The data plane of this process, with the access log on standard output. */
export interface LocalPlane {
  readonly plane: DataPlane
  /** Writes what waits. Never rejects. */
  flush(): Promise<void>
}

export const localPlane = (logging: GatewayLog, metrics: Metrics, options: { readonly reusePort: boolean }): LocalPlane => {
  const access = accessLog(
    // Takes its settings with the first configuration; nothing is served before.
    { enabled: true, query: false, requestHeaders: [] },
    {
      destination: logDestination({ fd: standardOutput }),
      onDropped: (lines) => {
        metrics.totals.accessLogDropped += lines
      },
    },
  )
  const running = runtime({ log: logging.log, accessLog: access, metrics }, options)
  return {
    plane: {
      apply: async (config) => {
        await running.apply(config)
        access.reconfigure(config.accessLog)
        setLevel(logging.log, config)
      },
      get listeners() {
        return running.listeners
      },
      status: () => running.status(),
      drain: () => running.drain(),
      close: () => running.close(),
    },
    flush: async () => {
      await access.flush()
      await logging.flush()
    },
  }
}
