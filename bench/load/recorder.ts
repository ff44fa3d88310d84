import { machineCpuUs, processUsage } from '../process-usage.ts'
import { percentile } from '../statistics.ts'
import type { Failure } from './connection.ts'

/** What one run of the load generator saw in its measured interval. */
export interface LoadResult {
  /** Answers with the right status and length. */
  readonly requests: number
  readonly durationMs: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Warm-up included: a run with any error is marked in the report. */
  readonly errors: Readonly<Record<Failure, number>>
  /** CPU of the watched process per counted request; undefined when none was watched. */
  readonly cpuUsPerRequest: number | undefined
  /** Share of one core that the watched process used, 0 to 100 and more. */
  readonly busyPercent: number | undefined
  /** Highest resident memory of the watched process so far. */
  readonly peakRssBytes: number | undefined
  /** What processes outside the bench used meanwhile, percent of one core: above a few percent the figures are disturbed. */
  readonly foreignPercent: number
}

/** The processes that belong to a run, beside the load generator itself. */
export interface Watched {
  /** Process whose CPU and memory are measured. */
  readonly pid?: number | undefined
  /** The upstream: known, so that it does not count as foreign. */
  readonly upstreamPid?: number | undefined
}

interface Mark {
  readonly atMs: number
  readonly watchedUs: number | undefined
  /** The bench as a whole: watched process, upstream, load generator. */
  readonly benchUs: number
  readonly machineUs: number
}

/** Counts and times the answers between `start` and `stop`; errors always. */
export class Recorder {
  readonly #watched: Watched
  readonly #errors: Record<Failure, number> = { status: 0, length: 0, closed: 0, refused: 0 }
  #latenciesMs = new Float64Array(1 << 16)
  #count = 0
  #recording = false
  #before: Mark | undefined

  constructor(watched: Watched) {
    this.#watched = watched
  }

  start(): void {
    this.#before = this.#mark()
    this.#recording = true
  }

  done(latencyMs: number, failure: Failure | undefined): void {
    if (failure !== undefined) this.#errors[failure] += 1
    else if (this.#recording) this.#record(latencyMs)
  }

  /** Throws when it was not started. */
  stop(): LoadResult {
    this.#recording = false
    const before = this.#before
    const after = this.#mark()
    if (before === undefined) throw new Error('the recorder was not started')
    const durationMs = after.atMs - before.atMs
    const ascending = this.#latenciesMs.slice(0, this.#count).sort()
    const cpuUs = after.watchedUs === undefined || before.watchedUs === undefined ? undefined : after.watchedUs - before.watchedUs
    const foreignUs = after.machineUs - before.machineUs - (after.benchUs - before.benchUs)
    const { pid } = this.#watched
    return {
      requests: this.#count,
      durationMs,
      requestsPerSecond: (this.#count / durationMs) * 1000,
      p50Ms: percentile(ascending, 50),
      p99Ms: percentile(ascending, 99),
      errors: this.#errors,
      cpuUsPerRequest: cpuUs === undefined ? undefined : cpuUs / this.#count,
      busyPercent: cpuUs === undefined ? undefined : cpuUs / durationMs / 10,
      peakRssBytes: pid === undefined ? undefined : processUsage(pid).peakRssBytes,
      foreignPercent: Math.max(0, foreignUs / durationMs / 10),
    }
  }

  #record(latencyMs: number): void {
    if (this.#count === this.#latenciesMs.length) {
      const larger = new Float64Array(this.#count * 2)
      larger.set(this.#latenciesMs)
      this.#latenciesMs = larger
    }
    this.#latenciesMs[this.#count] = latencyMs
    this.#count += 1
  }

  #mark(): Mark {
    const { pid, upstreamPid } = this.#watched
    const watchedUs = pid === undefined ? undefined : processUsage(pid).cpuUs
    const upstreamUs = upstreamPid === undefined ? 0 : processUsage(upstreamPid).cpuUs
    const { user, system } = process.cpuUsage()
    return { atMs: performance.now(), watchedUs, benchUs: (watchedUs ?? 0) + upstreamUs + user + system, machineUs: machineCpuUs() }
  }
}
