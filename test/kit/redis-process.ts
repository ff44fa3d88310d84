import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { killed } from './child.ts'
import { freePort } from './servers.ts'
import { until } from './until.ts'

/** One real process of Redis or Sentinel: what it writes lies in a folder of the test, its port is on the loopback interface. */
export interface RedisProcess {
  readonly port: number
  /** @param settings More words for its command line, which win over those of its file. */
  start(settings?: readonly string[]): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open, nothing answers. */
  freeze(): void
  thaw(): void
  /** One command in inline form. @returns The reply as it came over the wire. */
  ask(command: string): Promise<string>
}

/** @param settings Lines of the configuration file, which Sentinel writes to as well. */
export async function redisProcess(
  program: 'redis-server' | 'redis-sentinel',
  home: string,
  settings: (port: number) => readonly string[],
): Promise<RedisProcess> {
  const port = await freePort()
  const folder = join(home, String(port))
  const file = join(folder, 'redis.conf')
  await mkdir(folder, { recursive: true })
  await writeFile(
    file,
    [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, `logfile ${join(folder, 'log')}`, 'daemonize no', ...settings(port), ''].join('\n'),
  )
  let child: ChildProcess | undefined
  return {
    port,
    start: async (more = []) => {
      const started = spawn(`/usr/bin/${program}`, [file, ...more], { stdio: 'ignore' })
      started.on('error', () => undefined)
      child = started
      await until(`${program} takes connections`, async () => {
        if (started.exitCode !== null || started.signalCode !== null) throw new Error(`${program} ended while starting; its log is in ${folder}`)
        return /^(?:\+PONG|-NOAUTH)/.test(await ask(port, 'PING').catch(() => ''))
      })
    },
    kill: () => killed(child),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    ask: (command) => ask(port, command),
  }
}

const askMs = 2000

const ask = (port: number, command: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.end(`${command}\r\nQUIT\r\n`))
    const pieces: Buffer[] = []
    socket.setTimeout(askMs, () => socket.destroy(new Error(`no answer to ${command} within ${askMs} ms`)))
    socket.on('error', reject)
    socket.on('data', (piece: Buffer) => pieces.push(piece))
    socket.on('close', () => resolve(Buffer.concat(pieces).toString()))
  })
