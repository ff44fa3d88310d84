import { spawn } from 'node:child_process'
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { guardian } from './rabbitmq-node.ts'
import { accepts } from './raw.ts'
import { until } from './until.ts'

/** A server program that runs for a test, in a process of its own. */
export interface ServerProcess {
  /** Resolves when it answers at its port. */
  start(): Promise<void>
  /** SIGKILL to it and the processes that it started; resolves when all of them are gone. */
  kill(): Promise<void>
  /** SIGSTOP to all of them: connections stay open, nothing answers. */
  freeze(): void
  thaw(): void
}

export interface ServerCommand {
  /** `stripe-mock`: how failures name it. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly port: number
  /** Where taking connections does not mean that it answers. */
  readonly ready?: () => Promise<boolean>
  readonly options?: Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid'>
}

const keptOutput = 2000

/** It ends with this process, in whatever way that ends. */
export function serverProcess({ name, command, args, port, ready = () => accepts(port), options }: ServerCommand): ServerProcess {
  let child: ChildProcess | undefined
  let guard: ChildProcess | undefined
  const signal = (what: NodeJS.Signals): void => {
    for (const pid of child === undefined ? [] : family(child)) send(pid, what)
  }
  const start = async (): Promise<void> => {
    let output = ''
    const started = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    const keep = (piece: Buffer): void => {
      output = (output + piece.toString()).slice(-keptOutput)
    }
    started.stdout?.on('data', keep)
    started.stderr?.on('data', keep)
    started.on('error', (error) => keep(Buffer.from(error.message)))
    child = started
    guard = guardian(started)
    await until(
      `${name} answers`,
      () => {
        if (started.pid === undefined || started.exitCode !== null || started.signalCode !== null) throw new Error(`${name} did not start: ${output}`)
        return ready()
      },
      60_000,
    )
  }
  const kill = async (): Promise<void> => {
    const running = child
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const pids = family(running)
    const gone = new Promise((resolve) => running.once('exit', resolve))
    guard?.kill('SIGKILL')
    for (const pid of pids) send(pid, 'SIGKILL')
    await gone
    await until(`the processes of ${name} are gone`, () => !pids.some(lives))
  }
  return { start, kill, freeze: () => signal('SIGSTOP'), thaw: () => signal('SIGCONT') }
}

/** The process and its children, as far as the system tells; the parent first, so that it starts no others meanwhile. */
function family(child: ChildProcess): number[] {
  if (child.pid === undefined) return []
  try {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
    return [child.pid, ...children.split(' ').filter(Boolean).map(Number)]
  } catch {
    return [child.pid]
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone already.
  }
}

/** A process that has ended and waits for its parent to notice does not live. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
