import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, runChild, startChild, untilServing } from './child.ts'
import type { LoadOptions } from './load/load.ts'
import type { LoadResult } from './load/recorder.ts'
import type { Pinning } from './machine.ts'
import type { Peer } from './peers/peer.ts'
import { median } from './statistics.ts'
import { smallBody, type Upstream } from './upstream.ts'

/** Lengths of one round. */
export interface RoundSetting {
  readonly warmUpMs: number
  readonly durationMs: number
  readonly connections: number
}

/** One proxy, one round: a fresh process at saturation and then at half of the rate that it reached. */
export interface Round {
  readonly saturation: LoadResult
  readonly halfLoad: LoadResult
}

/** Medians over the rounds of one proxy. */
export interface Row {
  readonly name: string
  readonly description: string
  readonly version: string
  /** CPU of the proxy at saturation, microseconds per request. */
  readonly cpuUs: number
  /** Lowest and highest round. */
  readonly cpuUsRange: readonly [number, number]
  readonly requestsPerSecond: number
  /** Share of its core that the proxy used at saturation: well below 100 means that something else was the limit. */
  readonly busyPercent: number
  /** Latency at half of the proxy's own saturation rate. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly peakRssBytes: number
  /** Over all rounds, warm-up included. */
  readonly requests: number
  readonly errors: number
  /** Most that processes outside the bench used during a measured interval, percent of one core. */
  readonly foreignPercent: number
  readonly rounds: readonly Round[]
}

const generator = join(import.meta.dirname, 'load/generator.ts')

const generate = async (options: LoadOptions, pins: Pinning): Promise<LoadResult> =>
  JSON.parse(await runChild({ command: process.execPath, args: [generator, JSON.stringify(options)] }, pins.others)) as LoadResult

const round = async (peer: Peer, upstream: Upstream, setting: RoundSetting, pins: Pinning, folder: string): Promise<Round> => {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const adminPort = await freePort()
  const command = peer.prepare({ port, adminPort, folder, upstreamUrl: upstream.url, upstreamPort: upstream.port })
  const child = startChild(command, join(folder, 'out.log'), pins.proxy)
  try {
    await untilServing(child, port, peer.path)
    const expected = { status: 200, bodyBytes: smallBody.length }
    const options = { ...setting, port, path: peer.path, pid: child.pid, upstreamPid: upstream.pid, expected }
    const saturation = await generate(options, pins)
    const requestsPerSecond = Math.round(saturation.requestsPerSecond / 2)
    const halfLoad = await generate({ ...options, warmUpMs: setting.warmUpMs / 2, requestsPerSecond }, pins)
    return { saturation, halfLoad }
  } finally {
    await child.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const errorCount = ({ errors }: LoadResult): number => Object.values(errors).reduce((sum, count) => sum + count, 0)

const foreign = ({ saturation, halfLoad }: Round): number => Math.max(saturation.foreignPercent, halfLoad.foreignPercent)

const row = (peer: Peer, version: string, rounds: readonly Round[]): Row => {
  const middle = (read: (one: Round) => number | undefined): number => median(rounds.map((one) => read(one) ?? Number.NaN))
  const cpuUs = rounds.map((one) => one.saturation.cpuUsPerRequest ?? Number.NaN)
  return {
    name: peer.name,
    description: peer.description,
    version,
    cpuUs: median(cpuUs),
    cpuUsRange: [Math.min(...cpuUs), Math.max(...cpuUs)],
    requestsPerSecond: middle((one) => one.saturation.requestsPerSecond),
    busyPercent: middle((one) => one.saturation.busyPercent),
    p50Ms: middle((one) => one.halfLoad.p50Ms),
    p99Ms: middle((one) => one.halfLoad.p99Ms),
    peakRssBytes: middle((one) => one.halfLoad.peakRssBytes),
    requests: rounds.reduce((sum, one) => sum + one.saturation.requests + one.halfLoad.requests, 0),
    errors: rounds.reduce((sum, one) => sum + errorCount(one.saturation) + errorCount(one.halfLoad), 0),
    foreignPercent: Math.max(...rounds.map(foreign)),
    rounds,
  }
}

/** The generator straight at the upstream: what the measurement itself costs in latency, and the highest rate it can show. */
const direct: Peer = {
  name: 'direct',
  description: 'no proxy: load generator to upstream, both on one core',
  path: '/api/users/42',
  version: () => '-',
  prepare: () => ({ command: 'true', args: [] }),
}

const directRound = async (upstream: Upstream, setting: RoundSetting, pins: Pinning): Promise<Round> => {
  const expected = { status: 200, bodyBytes: smallBody.length }
  const options = { ...setting, port: upstream.port, path: direct.path, upstreamPid: upstream.pid, expected }
  const saturation = await generate(options, pins)
  return { saturation, halfLoad: await generate({ ...options, requestsPerSecond: Math.round(saturation.requestsPerSecond / 2) }, pins) }
}

const tolerableForeignPercent = 5
const mostTries = 3

/** Measures again, up to 3 times in all, when processes outside the bench used more than 5 % of a core; keeps the least disturbed one. */
const undisturbed = async (measure: () => Promise<Round>): Promise<Round> => {
  let best = await measure()
  for (let tries = 1; tries < mostTries && foreign(best) > tolerableForeignPercent; tries += 1) {
    const again = await measure()
    if (foreign(again) < foreign(best)) best = again
  }
  return best
}

const summary = (one: Round): string => {
  const { requestsPerSecond, cpuUsPerRequest } = one.saturation
  return `${Math.round(requestsPerSecond)} requests/s, ${cpuUsPerRequest?.toFixed(1) ?? '-'} µs CPU, others ${foreign(one).toFixed(0)} % of a core`
}

export interface Comparison {
  readonly rows: readonly Row[]
  /** Proxies that could not be measured, with the reason. */
  readonly skipped: readonly { name: string; reason: string }[]
  readonly upstream: string
}

/**
 * Every proxy once per round, each time as a fresh process and alone; the order moves by one from round to round,
 * so that a slow minute of the machine does not hit one proxy only.
 */
export const compare = async (
  peers: readonly Peer[],
  upstream: Upstream,
  roundCount: number,
  setting: RoundSetting,
  pins: Pinning,
  folder: string,
  tell: (line: string) => void,
): Promise<Comparison> => {
  const versions = new Map([direct, ...peers].map((peer) => [peer, peer.version()]))
  const skipped = peers.filter((peer) => versions.get(peer) === undefined).map(({ name }) => ({ name, reason: 'not installed' }))
  const present = [direct, ...peers].filter((peer) => versions.get(peer) !== undefined)
  const rounds = new Map<Peer, Round[]>(present.map((peer) => [peer, []]))
  for (let index = 0; index < roundCount; index += 1) {
    const start = index % present.length
    for (const peer of [...present.slice(start), ...present.slice(0, start)]) {
      if (skipped.some(({ name }) => name === peer.name)) continue
      try {
        const one = await undisturbed(() =>
          peer === direct ? directRound(upstream, setting, pins) : round(peer, upstream, setting, pins, join(folder, `${peer.name}-${index}`)),
        )
        rounds.get(peer)?.push(one)
        tell(`round ${index + 1}/${roundCount} ${peer.name}: ${summary(one)}`)
      } catch (error) {
        skipped.push({ name: peer.name, reason: error instanceof Error ? error.message : String(error) })
        tell(`round ${index + 1}/${roundCount} ${peer.name}: left out, ${String(error)}`)
      }
    }
  }
  const measured = present.filter((peer) => (rounds.get(peer)?.length ?? 0) > 0)
  return { rows: measured.map((peer) => row(peer, versions.get(peer) ?? '', rounds.get(peer) ?? [])), skipped, upstream: upstream.description }
}
