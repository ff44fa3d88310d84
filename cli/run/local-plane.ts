import { accessLog } from '../../gateway/observe/access-log.ts'
import { logDestination } from '../../gateway/observe/log-destination.ts'
import type { GatewayLog } from '../../gateway/observe/log.ts'
import type { Metrics } from '../../gateway/observe/metrics.ts'
import { runtime } from '../../gateway/runtime.ts'
import type { Runtime, RuntimeOptions } from '../../gateway/runtime.ts'
import { adaptersOf } from '../adapters.ts'

const standardOutput = 1

/** The data plane of this process, with the access log on standard output. */
export interface LocalPlane {
  readonly plane: Runtime
  /** Writes what waits in the logs and gives them up. Never rejects. */
  closeLogs(): Promise<void>
}

export const localPlane = (logging: GatewayLog, metrics: Metrics, options: RuntimeOptions): LocalPlane => {
  const access = accessLog(
    // The runtime gives it the settings of each configuration; nothing is served before the first.
    { enabled: true, query: false, requestHeaders: [] },
    {
      destination: logDestination({ fd: standardOutput }),
      onDropped: (lines) => {
        metrics.totals.accessLogDropped += lines
      },
    },
  )
  return {
    plane: runtime({ log: logging.log, accessLog: access, metrics, adaptersOf, env: process.env }, options),
    closeLogs: async () => {
      await access.close()
      await logging.close()
    },
  }
}
