import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

export interface Outcome {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface Started {
  readonly child: ChildProcess
  /** Everything written so far. */
  out(): string
  err(): string
  readonly ended: Promise<Outcome>
}

export interface StartOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the command line from the sources, without colours and without the surroundings of the test run. */
export const start = (args: readonly string[], options: StartOptions): Started => {
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { PATH, HOME, TMPDIR, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const ended = once(child, 'close').then(
    ([exitCode, signal]): Outcome => ({ exitCode: exitCode as number | null, signal: signal as NodeJS.Signals | null, out, err }),
  )
  return { child, out: () => out, err: () => err, ended }
}

/** Runs a command to its end. */
export const headgate = (args: readonly string[], options: StartOptions): Promise<Outcome> => start(args, options).ended

/** A running gateway. */
export interface RunningGateway extends Started {
  /** `http://127.0.0.1:PORT` of its first listener. */
  readonly url: string
  readonly adminUrl: string
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<Outcome>
}

interface Serving {
  readonly event: 'serving'
  readonly listeners: readonly { readonly url: string }[]
  readonly admin: { readonly url: string }
}

const servingLine = (err: string): Serving | undefined => {
  const line = err.split('\n').find((text) => text.startsWith('{"event":"serving"'))
  return line === undefined ? undefined : (JSON.parse(line) as Serving)
}

/** Starts `headgate run` on free ports and waits until it serves. */
export const runGateway = async (args: readonly string[], options: StartOptions): Promise<RunningGateway> => {
  const started = start(['run', '--format', 'json', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...args], options)
  const serving = await vi.waitFor(
    () => {
      const found = servingLine(started.err())
      if (found === undefined) throw new Error(`the gateway does not serve yet: ${started.err()}`)
      return found
    },
    { timeout: 15_000, interval: 20 },
  )
  return {
    ...started,
    url: serving.listeners[0]?.url ?? '',
    adminUrl: serving.admin.url,
    stop: () => {
      started.child.kill('SIGTERM')
      return started.ended
    },
  }
}
