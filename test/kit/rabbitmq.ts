import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardian, rabbitmqNode } from './rabbitmq-node.ts'
import type { RabbitmqNode } from './rabbitmq-node.ts'
import { freePort, serverSource } from './servers.ts'
import type { ServerSource } from './servers.ts'
import { until } from './until.ts'

export type { RabbitmqNode } from './rabbitmq-node.ts'

/** Where RabbitMQ is to be had on this machine. The tests stop and break their nodes, therefore they never use a foreign one. */
export const rabbitmqSource = (): Promise<ServerSource> =>
  serverSource({ name: 'RabbitMQ', program: '/usr/lib/rabbitmq/bin/rabbitmq-server', packages: ['rabbitmq-server'] })

/** Real RabbitMQ for one test file: a single node or a cluster, gone without trace after `stop`. */
export interface RabbitmqServer {
  /** The first node. */
  readonly node: RabbitmqNode
  readonly nodes: readonly RabbitmqNode[]
  readonly urls: readonly string[]
  stop(): Promise<void>
}

/** @param settings Lines of `rabbitmq.conf`, for every node. */
export async function startRabbitmq(options: { readonly nodes?: 1 | 3; readonly settings?: readonly string[] } = {}): Promise<RabbitmqServer> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-rabbitmq-'))
  await writeFile(join(folder, '.erlang.cookie'), folder.replaceAll(/\W/g, ''))
  await chmod(join(folder, '.erlang.cookie'), 0o400)
  // An epmd of our own, on its own port: otherwise the nodes would leave one running, or join somebody else's.
  const epmdPort = await freePort()
  const epmd = spawn('epmd', ['-port', String(epmdPort), '-address', '127.0.0.1'], { stdio: 'ignore' })
  epmd.on('error', () => undefined)
  const guard = guardian(epmd)

  const names = Array.from({ length: options.nodes ?? 1 }, (_, index) => `rabbit${index + 1}@localhost`)
  const settings = [...baseSettings, ...(names.length > 1 ? clusterSettings(names) : []), ...(options.settings ?? [])]
  const nodes = await Promise.all(names.map((name) => rabbitmqNode(name, { folder, epmdPort, settings })))
  const killAll = (): void => {
    for (const node of nodes) void node.end()
    epmd.kill('SIGKILL')
  }
  process.once('exit', killAll)
  const stop = async (): Promise<void> => {
    process.off('exit', killAll)
    await Promise.all(nodes.map((node) => node.end()))
    guard.kill('SIGKILL')
    const gone = new Promise((resolve) => epmd.once('exit', resolve))
    if (epmd.exitCode === null && epmd.kill('SIGKILL')) await gone
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await Promise.all(nodes.map((node) => node.start()))
    const [first] = nodes
    if (first === undefined) throw new Error('a server has at least one node')
    if (nodes.length > 1) await until('the nodes have found each other', () => allRunning(first, nodes.length), 60_000)
    return { node: first, nodes, urls: nodes.map((node) => node.url), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const allRunning = async (node: RabbitmqNode, count: number): Promise<boolean> =>
  (await node.ctl('eval', 'length(rabbit_nodes:all_running()).')).trim() === String(count)

const baseSettings = ['disk_free_limit.absolute = 1MB', 'log.console = false', 'collect_statistics_interval = 60000']

const clusterSettings = (names: readonly string[]): readonly string[] => [
  'cluster_formation.peer_discovery_backend = classic_config',
  'cluster_formation.randomized_startup_delay_range.min = 0',
  'cluster_formation.randomized_startup_delay_range.max = 1',
  ...names.map((name, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${name}`),
]
