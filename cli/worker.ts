import { enableCompileCache } from 'node:module'

enableCompileCache()

const { gatewayLog } = await import('../gateway/observe/log.ts')
const { metrics } = await import('../gateway/observe/metrics.ts')
const { worker } = await import('../gateway/workers/worker.ts')
const { localPlane } = await import('./run/local-plane.ts')
const { onCrash } = await import('./run/crash.ts')

const index = Number(process.argv[2])
const count = Number(process.argv[3])
const logging = gatewayLog('info')
const series = metrics()
const local = localPlane(logging, series, { reusePort: true, share: { index, count } })

const end = async (exitCode: number): Promise<never> => {
  await local.closeLogs()
  process.exit(exitCode)
}

const handle = worker({
  plane: local.plane,
  metrics: async () => series.registry.getMetricsAsJSON(),
  // The supervisor may have gone meanwhile; `disconnect` then ends this process.
  send: (answer) => void process.send?.(answer, undefined, undefined, () => undefined),
  onClosed: () => void end(0),
})

process.on('message', (message) => void handle(message))
// Without its supervisor a worker would hold the port and know no configuration.
process.on('disconnect', () => {
  logging.abandon()
  process.exit(1)
})
// The terminal and some process managers signal the whole group; when to stop is the supervisor's to say.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

onCrash({ log: logging.log, fields: { worker: index }, drain: () => local.plane.drain(), end })
