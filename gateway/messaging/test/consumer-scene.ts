import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { onTestFinished } from 'vitest'
import type { ConsumerConfig, QueueConfig, TracingConfig } from '../../../config/model.ts'
import { metrics } from '../../observe/metrics.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { logicalService } from '../../services/logical-service.ts'
import { serviceConfig, testDeps } from '../../services/test/fixtures.ts'
import { absentFlows, absentOperations } from '../../../test/kit/absent.ts'
import { directQueue } from '../../../test/kit/messages.ts'
import { memoryBroker } from '../../../test/kit/memory-broker.ts'
import type { MemoryBroker } from '../../../test/kit/memory-broker.ts'
import { startUpstream } from '../../../test/kit/upstream.ts'
import type { SeenRequest, TestUpstream } from '../../../test/kit/upstream.ts'
import type { Consumer, ConsumerDeps } from '../consumer-contract.ts'
import { consumer } from '../consumer.ts'
import type { JobChange } from '../jobs/job-store.ts'

export const tracing: TracingConfig = {
  headers: { traceId: 'x-trace-id', parentSpanId: 'x-parent-span-id', spanId: 'x-span-id', sampled: 'x-sampled' },
}

/** As in the design document, with short waits. */
export const consumerConfig = (changes: Partial<ConsumerConfig> = {}): ConsumerConfig => ({
  name: 'payment_processor',
  origin: 'gateway.yaml:1:1',
  queue: 'payment.process',
  prefetch: 10,
  concurrency: 5,
  timeoutMs: 5000,
  retry: { backoff: 'exponential', baseDelayMs: 1, maxDelayMs: 4, maxAttempts: 3 },
  redelivery: { backoff: 'exponential', baseDelayMs: 1, maxDelayMs: 4, deadLetterAfter: 5 },
  paused: false,
  deliverTo: { type: 'service', service: 'payments', path: '/payments', method: 'POST' },
  ...changes,
})

export const queueConfig = (changes: Partial<QueueConfig> = {}): QueueConfig => directQueue('payment.process', changes)

export interface Scene {
  readonly broker: MemoryBroker
  readonly upstream: TestUpstream
  readonly consumer: Consumer
  readonly metrics: Metrics
  /** Level and message of what was logged. */
  readonly logged: readonly string[]
  /** Id and change, in order. */
  readonly jobs: readonly (JobChange & { readonly id: string })[]
  /** Requests of one message, by `ce-id`. */
  of(id: string): readonly SeenRequest[]
}

export interface SceneOptions {
  readonly config?: Partial<ConsumerConfig>
  readonly queue?: Partial<QueueConfig>
  readonly deps?: Partial<ConsumerDeps>
  readonly answer?: (req: IncomingMessage, res: ServerResponse, seen: SeenRequest) => void
}

/** Answers with a status. */
export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}) =>
  (_req: IncomingMessage, res: ServerResponse): void =>
    void res.writeHead(code, headers).end()

/** A consumer between a broker in memory and a real HTTP server. */
export async function scene(options: SceneOptions = {}): Promise<Scene> {
  const broker = memoryBroker()
  const upstream = await startUpstream(options.answer ?? status(204))
  const service = logicalService(serviceConfig({ name: 'payments', urls: [upstream.url], maxConnections: 64, maxPending: 64 }), testDeps())
  const all = metrics({ process: false })
  const logged: string[] = []
  const jobs: (JobChange & { readonly id: string })[] = []
  const write = (level: string) => (_fields: object, text: string) => void logged.push(`${level}: ${text}`)
  const one = consumer(consumerConfig(options.config), {
    broker,
    queue: queueConfig(options.queue),
    service,
    publisher: { toQueue: () => Promise.reject(new Error('not here')), event: () => Promise.reject(new Error('not here')) },
    gate: () => Promise.reject(new Error('not here')),
    operations: absentOperations,
    flows: absentFlows,
    jobs: jobRecorder(jobs),
    metrics: all,
    tracing,
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    share: { index: 0, count: 1 },
    now: () => performance.now(),
    epochNow: () => Date.now(),
    random: Math.random,
    ...options.deps,
  })
  onTestFinished(async () => {
    await one.drain(0)
    await upstream.close()
    await service.close()
  })
  return {
    broker,
    upstream,
    consumer: one,
    metrics: all,
    logged,
    jobs,
    of: (id) => upstream.seen.filter(({ headers }) => headers['ce-id'] === id),
  }
}

/** Keeps what it is told; everything else of a store is never asked for. */
const jobRecorder = (jobs: (JobChange & { readonly id: string })[]): Pick<ConsumerDeps['jobs'], 'update'> => ({
  update: async (id, change) => void jobs.push({ id, ...change }),
})
