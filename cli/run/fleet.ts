import type { Logger } from 'pino'
import type { GatewayConfig } from '../../config/model.ts'
import { localFleet } from '../../gateway/fleet.ts'
import type { Fleet } from '../../gateway/fleet.ts'
import { gatewayLog } from '../../gateway/observe/log.ts'
import { metrics } from '../../gateway/observe/metrics.ts'
import type { Metrics } from '../../gateway/observe/metrics.ts'

/** The processes that serve, and the log and metrics of this one. */
export interface FleetSetup {
  readonly fleet: Fleet
  readonly log: Logger
  readonly onReload: Metrics['reload']
  readonly onApplied: (config: GatewayConfig) => void
  /** Writes what waits in the logs and gives them up. Never rejects. */
  closeLogs(): Promise<void>
  /** Gives the log up at once: for an exit that must not wait. */
  abandonLog(): void
}

export const fleetOf = async (workers: number, config: GatewayConfig): Promise<FleetSetup> => {
  const logging = gatewayLog(config.log.level)
  const series = metrics()
  const common = {
    log: logging.log,
    abandonLog: logging.abandon,
    onReload: series.reload,
    onApplied: (now: GatewayConfig) => {
      logging.log.level = now.log.level
    },
  }
  // A supervisor has no data plane of its own, and a single process no supervisor: each loads only what it needs.
  if (workers === 1) {
    const { localPlane } = await import('./local-plane.ts')
    const local = localPlane(logging, series, { reusePort: false })
    return { ...common, fleet: localFleet(local.plane, series.text), closeLogs: local.closeLogs }
  }
  const [{ supervisor }, { forkWorker }] = await Promise.all([import('../../gateway/workers/supervisor.ts'), import('./workers.ts')])
  const fleet = supervisor({
    workers,
    fork: forkWorker,
    log: logging.log,
    ownMetrics: () => series.registry.getMetricsAsJSON(),
    monotonicMs: () => performance.now(),
  })
  return { ...common, fleet, closeLogs: logging.close }
}
