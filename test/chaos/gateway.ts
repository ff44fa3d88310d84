import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../kit/servers.ts'
import { until } from '../kit/until.ts'
import { type Child, outputOf, startNode } from './child.ts'
import { keyOf } from './sender.ts'

const program = fileURLToPath(new URL('../../cli/headgate.js', import.meta.url))

export const queueName = 'chaos.work'
/** Deliveries held; the issue bounds duplicates by it. */
export const prefetch = 50
/** Deliveries handled at the same time: together with the sender's lanes fewer than `prefetch`, so that the bound holds for every kill. */
export const concurrency = 25

/** The gateway under test: `headgate run` as anybody runs it, always on the same ports. */
export interface Gateway {
  readonly url: string
  readonly adminUrl: string
  /** Ends that nobody asked for: there should be none. */
  readonly ownEnds: readonly string[]
  start(): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves with how it ended. */
  stop(): Promise<string>
  /** Messages in the queue as the gateway says; undefined when it cannot tell. */
  depth(): Promise<number | undefined>
  /** Number of the message of each dead letter, 0 for a foreign one; read with `headgate dlq`. */
  deadLetters(run: string): Promise<readonly number[]>
}

export interface GatewayOptions {
  readonly folder: string
  /** The YAML of the gateway, without its listeners. */
  readonly yaml: string
  readonly env?: Readonly<Record<string, string>>
}

export async function gateway({ folder, yaml, env = {} }: GatewayOptions): Promise<Gateway> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const [url, adminUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`]
  const listeners = `listeners: { main: { address: "127.0.0.1:${port}" } }\nadmin: { address: "127.0.0.1:${adminPort}" }\n`
  await writeFile(join(folder, 'gateway.yaml'), listeners + yaml)
  const ownEnds: string[] = []
  let child: Child | undefined
  let ending = false

  const start = async (): Promise<void> => {
    ending = false
    const started = startNode([program, 'run', '-c', 'gateway.yaml'], { cwd: folder, logFile: join(folder, 'gateway.log'), env })
    child = started
    void started.ended.then((how) => {
      if (!ending) ownEnds.push(how)
      return how
    })
    await until(
      'the gateway serves',
      async () => {
        if (!started.running) throw new Error(`the gateway did not start; its log is ${join(folder, 'gateway.log')}`)
        return answers(`${adminUrl}/readyz`)
      },
      30_000,
    )
  }
  const end = async (signal: NodeJS.Signals): Promise<string> => {
    ending = true
    return child?.running === true ? child.kill(signal) : 'ended before'
  }
  return {
    url,
    adminUrl,
    ownEnds,
    start,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    depth: async () => {
      const status = (await (await fetch(`${adminUrl}/status`)).json()) as { readonly queues: readonly { queue: string; depth?: number }[] }
      return status.queues.find(({ queue }) => queue === queueName)?.depth
    },
    deadLetters: async (run) => {
      const lines = await outputOf([program, 'dlq', 'list', queueName, '-c', 'gateway.yaml', '--format', 'json'], folder)
      return lines
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => numberOf(run, (JSON.parse(line) as { readonly headers: Readonly<Record<string, string>> }).headers['idempotency-key'] ?? ''))
    },
  }
}

const numberOf = (run: string, key: string): number => {
  const n = Number(key.slice(run.length + 1))
  return key === keyOf(run, n) ? n : 0
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    async (response) => {
      await response.arrayBuffer()
      return response.ok
    },
    () => false,
  )

/** A consumer that hands messages to the target. @param broker YAML of the broker, on one line. */
export const deliveringYaml = (targetUrl: string, broker: string): string => `
services:
  target: { urls: ["${targetUrl}"] }
brokers:
  default: ${broker}
queues:
  ${queueName}: { type: direct, durable: true, dead_letter: true, purpose: What the run sends }
consumers:
  worker:
    queue: ${queueName}
    prefetch: ${prefetch}
    concurrency: ${concurrency}
    timeout: 10s
    retry:
      max_attempts: 3
      base_delay: 20ms
      max_delay: 100ms
      dead_letter_after: 5
      redelivery: { base_delay: 250ms, max_delay: 1s }
    deliver_to: { service: target, path: /deliver }
routing_rules:
  - { path: /work, methods: [POST], queue: ${queueName} }
`
