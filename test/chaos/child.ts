import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'

/** A process of the run. None outlives it. */
export interface Child {
  readonly pid: number
  readonly running: boolean
  /** How it ended: `exit 1`, `SIGKILL`. */
  readonly ended: Promise<string>
  kill(signal: NodeJS.Signals): Promise<string>
}

const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export interface ChildOptions {
  readonly cwd: string
  /** File that its output is added to. */
  readonly logFile: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a Node process without the surroundings of this one. */
export function startNode(args: readonly string[], options: ChildOptions): Child {
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env
  const child = spawn(process.execPath, args, {
    cwd: options.cwd,
    env: { PATH, HOME, TMPDIR, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  alive.add(child)
  const log = createWriteStream(options.logFile, { flags: 'a' })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  const ended = once(child, 'close').then(([code, signal]) => {
    alive.delete(child)
    log.end()
    return typeof signal === 'string' ? signal : `exit ${String(code)}`
  })
  return {
    pid: child.pid ?? 0,
    get running() {
      return alive.has(child)
    },
    ended,
    kill: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}

/** Runs a Node program to its end. @returns What it wrote to its standard output. */
export async function outputOf(args: readonly string[], cwd: string): Promise<string> {
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env
  const child = spawn(process.execPath, args, { cwd, env: { PATH, HOME, TMPDIR }, stdio: ['ignore', 'pipe', 'pipe'] })
  alive.add(child)
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  alive.delete(child)
  // 1 is the answer of a command that found nothing.
  if (code !== 0 && code !== 1) throw new Error(`${args.join(' ')} ended with ${String(code)}: ${Buffer.concat(err).toString()}`)
  return Buffer.concat(out).toString()
}
