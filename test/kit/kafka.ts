import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { killed } from './child.ts'
import { accepts } from './raw.ts'
import { until } from './until.ts'

/** Apache Kafka as Maven has it, in KRaft mode; runs on Java 17. */
const kafkaVersion = '4.1.0'
const java = 'java'
const maven = 'mvn'
/** Any 16 bytes in base64url; all nodes of a cluster are formatted with the same. */
const clusterId = 'SGVhZGdhdGVLYWZrYVRlcw'

export interface KafkaNode {
  /** `127.0.0.1:port` of the listener for clients. */
  readonly server: string
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay, nothing answers. */
  freeze(): void
  thaw(): void
  /** Starts the node again on its data and its ports; resolves when it takes connections. */
  start(): Promise<void>
}

export interface KafkaCluster {
  readonly servers: readonly string[]
  readonly nodes: readonly KafkaNode[]
  /** Ends all nodes and removes their data. */
  stop(): Promise<void>
}

/** Why there can be no Kafka on this machine; undefined when there can. Downloads the archives the first time. */
function kafkaMissing(): string | undefined {
  try {
    archives()
    return undefined
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  }
}

export interface KafkaOptions {
  readonly nodes?: 1 | 3
  /** Clients must present this name and password (SASL PLAIN). */
  readonly user?: { readonly name: string; readonly password: string }
  /** PEM file with the private key and the certificate of the nodes: clients must speak TLS. */
  readonly keyStoreFile?: string
}

/** A cluster on free loopback ports, each node broker and controller in one process of half a gigabyte. */
export async function kafkaCluster(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const size = options.nodes ?? 1
  const classPath = join(archives(), '*')
  const folder = mkdtempSync(join(tmpdir(), 'headgate-kafka-'))
  const ports = await freePorts(size * 3)
  const members = Array.from({ length: size }, (_, index) => ({
    id: index + 1,
    clientPort: ports[index * 3] as number,
    controllerPort: ports[index * 3 + 1] as number,
    nodePort: ports[index * 3 + 2] as number,
  }))
  const nodes = members.map((member) =>
    kafkaNode(classPath, join(folder, String(member.id)), properties(member, members, folder, options), member.clientPort),
  )
  const end = (): void => {
    for (const node of nodes) node.signal('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', end)
  await Promise.all(nodes.map((node) => node.start()))
  return {
    servers: nodes.map((node) => node.server),
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()))
      process.off('exit', end)
      end()
    },
  }
}

function kafkaNode(classPath: string, folder: string, settings: string, port: number): KafkaNode & { signal(name: NodeJS.Signals): void } {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'server.properties')
  writeFileSync(file, settings)
  execFileSync(java, ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file], {
    stdio: 'pipe',
  })
  let child: ChildProcess | undefined
  return {
    server: `127.0.0.1:${port}`,
    async start() {
      const started = spawn(java, ['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-cp', classPath, 'kafka.Kafka', file], { stdio: 'ignore' })
      child = started
      await until(`the Kafka node on port ${port} takes connections`, () => (started.exitCode === null ? accepts(port) : failed(port)), 60_000)
    },
    kill: () => killed(child),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    signal: (name) => void child?.kill(name),
  }
}

interface Member {
  readonly id: number
  readonly clientPort: number
  readonly controllerPort: number
  /** Among the nodes, without TLS. */
  readonly nodePort: number
}

function properties(own: Member, members: readonly Member[], folder: string, { user, keyStoreFile }: KafkaOptions): string {
  const replicas = members.length
  const security = `${user === undefined ? '' : 'SASL_'}${keyStoreFile === undefined ? 'PLAINTEXT' : 'SSL'}`
  return [
    'process.roles=broker,controller',
    `node.id=${own.id}`,
    `controller.quorum.voters=${members.map((member) => `${member.id}@127.0.0.1:${member.controllerPort}`).join(',')}`,
    `listeners=CLIENTS://127.0.0.1:${own.clientPort},NODES://127.0.0.1:${own.nodePort},CONTROLLER://127.0.0.1:${own.controllerPort}`,
    `advertised.listeners=CLIENTS://127.0.0.1:${own.clientPort},NODES://127.0.0.1:${own.nodePort}`,
    'controller.listener.names=CONTROLLER',
    `listener.security.protocol.map=CONTROLLER:PLAINTEXT,NODES:PLAINTEXT,CLIENTS:${security}`,
    'inter.broker.listener.name=NODES',
    ...(user === undefined ? [] : passwordSettings(user)),
    ...(keyStoreFile === undefined
      ? []
      : ['listener.name.clients.ssl.keystore.type=PEM', `listener.name.clients.ssl.keystore.location=${keyStoreFile}`]),
    `log.dirs=${join(folder, String(own.id), 'data')}`,
    'auto.create.topics.enable=false',
    `offsets.topic.replication.factor=${replicas}`,
    'offsets.topic.num.partitions=3',
    `min.insync.replicas=${replicas > 1 ? 2 : 1}`,
    'group.initial.rebalance.delay.ms=100',
    'log.cleaner.dedupe.buffer.size=4000000',
    'log.cleaner.backoff.ms=500',
    'broker.session.timeout.ms=6000',
    'controlled.shutdown.enable=false',
  ].join('\n')
}

function passwordSettings(user: NonNullable<KafkaOptions['user']>): string[] {
  const users = `user_${user.name}="${user.password}"`
  return [
    'sasl.enabled.mechanisms=PLAIN',
    `listener.name.clients.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required ${users};`,
  ]
}

/** Folder with the Java archives: under the user's cache, filled once, by a rename so that it is never half full. */
function archives(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const target = join(cache, 'headgate-test', `kafka-${kafkaVersion}`)
  execFileSync(java, ['-version'], { stdio: 'pipe' })
  if (existsSync(target)) return target
  mkdirSync(join(cache, 'headgate-test'), { recursive: true })
  const work = mkdtempSync(join(cache, 'headgate-test', 'kafka-download-'))
  try {
    writeFileSync(join(work, 'pom.xml'), pom)
    execFileSync(maven, ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=jars'], {
      cwd: work,
      stdio: 'pipe',
      timeout: 300_000,
    })
    if (!existsSync(target)) renameSync(join(work, 'jars'), target)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  if (readdirSync(target).length === 0) throw new Error('Maven copied no archives')
  return target
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>headgate</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${kafkaVersion}</version></dependency>
  </dependencies>
</project>
`

function failed(port: number): never {
  throw new Error(`the Kafka node on port ${port} ended while it started`)
}

/** Held open together, so that no port is given twice. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

const why = kafkaMissing()

/**
 * Suites that need Kafka: ``describe.skipIf(noKafka)(`...${kafkaNote}`, ...)``. Kafka is neither to be had from npm nor from Debian, so that they
 * are skipped where there is no Java or no Maven, under a name that says so, also in CI.
 */
export const noKafka = why !== undefined
export const kafkaNote = why === undefined ? '' : ` (not run: ${why})`
