import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { basename } from 'node:path'

/** How to start a process of the bench. */
export interface Command {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A process that the bench started and will stop. */
export interface Child {
  readonly pid: number
  /** Takes standard output; standard error stands in the same name + `.err`. */
  readonly outFile: string
  running(): boolean
  /** SIGTERM, then SIGKILL after 5 s; resolves once the process is gone. */
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  // Not SIGKILL: the master process of nginx must be able to take its worker along.
  for (const child of running) child.kill('SIGTERM')
})

const pinned = (command: Command, cpu: number | undefined): Command =>
  cpu === undefined ? command : { ...command, command: 'taskset', args: ['-c', String(cpu), command.command, ...command.args] }

const stop = async (child: ChildProcess): Promise<void> => {
  if (!running.has(child)) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 5000)
  await exited
  clearTimeout(force)
}

/** @param cpu Number of the core to stay on; undefined leaves the choice to the kernel. */
export const startChild = (command: Command, outFile: string, cpu: number | undefined): Child => {
  const { command: file, args, env } = pinned(command, cpu)
  const out = openSync(outFile, 'w')
  const errors = openSync(`${outFile}.err`, 'w')
  const child = spawn(file, args, { stdio: ['ignore', out, errors], env: { ...process.env, ...env } })
  closeSync(out)
  closeSync(errors)
  running.add(child)
  // A program that cannot be started has no pid, which is told below.
  child.on('error', () => running.delete(child))
  child.on('exit', () => running.delete(child))
  if (child.pid === undefined) throw new Error(`cannot start ${command.command}`)
  return { pid: child.pid, outFile, running: () => running.has(child), stop: () => stop(child) }
}

/** Runs to the end and gives standard output. Throws when the exit code is not 0. */
export const runChild = async (command: Command, cpu: number | undefined): Promise<string> => {
  const { command: file, args, env } = pinned(command, cpu)
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  running.add(child)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  running.delete(child)
  if (code !== 0) throw new Error(`${basename(command.command)} ended with ${code}`)
  return Buffer.concat(chunks).toString()
}

/** A port of 127.0.0.1 that was free a moment ago. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** One GET on a connection of its own: status and body length, or undefined when there was no answer. */
export const probe = (port: number, path: string): Promise<{ status: number; bodyBytes: number } | undefined> =>
  new Promise((resolve) => {
    const call = request({ port, path, host: '127.0.0.1', agent: false }, (response) => {
      let bodyBytes = 0
      response.on('data', (chunk: Buffer) => {
        bodyBytes += chunk.length
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bodyBytes }))
      response.on('error', () => resolve(undefined))
    })
    call.on('error', () => resolve(undefined))
    call.end()
  })

/**
 * Asks until the answer is 200.
 * @returns Milliseconds on the clock of `performance.now()` at which the good answer was complete.
 * Throws with the process's own words when it ends, or after `timeoutMs`.
 */
export const untilServing = async (child: Child, port: number, path: string, timeoutMs = 30_000): Promise<number> => {
  const giveUpAtMs = performance.now() + timeoutMs
  while (performance.now() < giveUpAtMs && child.running()) {
    const answer = await probe(port, path)
    if (answer?.status === 200) return performance.now()
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const why = child.running() ? `not serving within ${timeoutMs} ms` : 'ended before it served'
  throw new Error(`${why}\n${readFileSync(`${child.outFile}.err`, 'utf8').slice(0, 2000)}`)
}
