import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** Which core each part stays on; undefined: not pinned. */
export interface Pinning {
  readonly proxy: number | undefined
  readonly others: number | undefined
  readonly description: string
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly pinning: string
}

/** Debian keeps servers in /usr/sbin, which is not on every user's PATH. */
export const findProgram = (name: string): string | undefined =>
  [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'].map((folder) => `${folder}/${name}`).find((file) => existsSync(file))

/** First line of what a program prints, both streams: some print their version to standard error. */
export const firstLine = (program: string, args: readonly string[]): string => {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return (stdout + stderr).split('\n')[0] ?? ''
}

export const pinning = (): Pinning => {
  if (findProgram('taskset') === undefined) return { proxy: undefined, others: undefined, description: 'not pinned: taskset is not installed' }
  if (availableParallelism() < 2) return { proxy: undefined, others: undefined, description: 'not pinned: one core only' }
  return { proxy: 0, others: 1, description: 'proxy on core 0; load generator and upstream together on core 1 (taskset)' }
}

export const machine = (pins: Pinning): Machine => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${type()} ${release()}`,
  node: process.version,
  pinning: pins.description,
})
