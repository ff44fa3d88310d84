import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './servers.ts'
import { until } from './until.ts'

const run = promisify(execFile)
const scripts = '/usr/lib/rabbitmq/bin'

/** One real RabbitMQ node, started for a test: everything it writes lies in a folder of the test, every port is on the loopback interface. */
export interface RabbitmqNode {
  /** `rabbit1@localhost` */
  readonly name: string
  readonly port: number
  /** With the credentials that a fresh node has. */
  readonly url: string
  /** SIGKILL to the node; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open, nothing answers. */
  freeze(): void
  thaw(): void
  /** Starts it again over the same data; resolves when it takes connections. */
  restart(): Promise<void>
  /** `rabbitmqctl`, in about two seconds. @returns What it printed. */
  ctl(...args: string[]): Promise<string>
}

export interface NodeHome {
  readonly folder: string
  readonly epmdPort: number
  /** Lines of `rabbitmq.conf`. */
  readonly settings: readonly string[]
}

/** Makes the node's folder; `start` starts it, `end` kills it whatever its state. */
export async function rabbitmqNode(name: string, home: NodeHome): Promise<RabbitmqNode & { start(): Promise<void>; end(): Promise<void> }> {
  const folder = join(home.folder, name.replace('@', '-'))
  await mkdir(folder, { recursive: true })
  const port = await freePort()
  const env = await environment(name, port, folder, home)
  let child: ChildProcess | undefined
  let guard: ChildProcess | undefined

  const start = async (): Promise<void> => {
    const started = spawn(`${scripts}/rabbitmq-server`, [], { env, stdio: 'ignore' })
    started.on('error', () => undefined)
    child = started
    guard = guardian(started)
    await until(
      `${name} takes connections`,
      () => {
        if (started.exitCode !== null || started.signalCode !== null) throw new Error(`${name} ended while starting; its log is in ${folder}/log`)
        return speaks(port)
      },
      60_000,
    )
  }
  const kill = async (): Promise<void> => {
    const running = child
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const gone = new Promise((resolve) => running.once('exit', resolve))
    guard?.kill('SIGKILL')
    running.kill('SIGKILL')
    await gone
  }
  return {
    name,
    port,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    start,
    kill,
    end: kill,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    restart: start,
    ctl: async (...args) => (await run(`${scripts}/rabbitmqctl`, ['--quiet', '-n', name, ...args], { env })).stdout,
  }
}

/** Ends the node when this process ends in whatever way: its pipe is closed then. */
export function guardian(child: ChildProcess): ChildProcess {
  const guard = spawn('sh', ['-c', `read -r _; kill -9 ${child.pid}`], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  guard.on('error', () => undefined)
  guard.stdin?.on('error', () => undefined)
  guard.unref()
  return guard
}

async function environment(name: string, port: number, folder: string, home: NodeHome): Promise<NodeJS.ProcessEnv> {
  await writeFile(join(folder, 'enabled_plugins'), '[].')
  await writeFile(join(folder, 'env.conf'), '')
  await writeFile(join(folder, 'rabbitmq.conf'), [...home.settings, ''].join('\n'))
  return {
    PATH: process.env['PATH'],
    // The Erlang cookie lies in the home folder.
    HOME: home.folder,
    LANG: 'C.UTF-8',
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(home.epmdPort),
    RABBITMQ_NODENAME: name,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(await freePort()),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'generated'),
    RABBITMQ_SCHEMA_DIR: join(folder, 'schema'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'env.conf'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
    // Several nodes share few processors here: one scheduler each, and none that spins while idle.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}',
    // The start script then replaces itself with the node, so that signals reach the node.
    detached: 'true',
  }
}

/** Whether an AMQP server answers at the port: the listener is there before the node is ready to speak. */
const speaks = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const end = (answer: boolean) => (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1000, end(false))
    socket.once('error', end(false))
    socket.once('close', end(false))
    socket.once('connect', () => void socket.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1')))
    socket.once('data', end(true))
  })
