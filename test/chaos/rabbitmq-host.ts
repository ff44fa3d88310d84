import { rabbitmqSource, startRabbitmq } from '../kit/rabbitmq.ts'
import type { RabbitmqServer } from '../kit/rabbitmq.ts'
import { queueName } from './gateway.ts'

/** RabbitMQ that belongs to one run. */
export interface RabbitmqHost extends RabbitmqServer {
  /** YAML of the gateway's broker; other addresses than the nodes' own for a way through a proxy. */
  yaml(urls?: readonly string[]): string
  /** Messages in all queues but the dead letters, asked past the gateway. */
  leftOver(): Promise<number>
}

/** @returns Why there is no RabbitMQ on this machine; undefined when there is. */
export async function rabbitmqMissing(): Promise<string | undefined> {
  const source = await rabbitmqSource()
  return source.from === 'nowhere' ? source.why : undefined
}

export async function withRabbitmq<Result>(nodes: 1 | 3, use: (host: RabbitmqHost) => Promise<Result>): Promise<Result> {
  const server = await startRabbitmq({ nodes })
  try {
    return await use({
      ...server,
      yaml: (urls = server.urls) =>
        `{ type: rabbitmq, urls: [${urls.map((url) => `"${url}"`).join(', ')}], heartbeat: 5s, connect_timeout: 2s, publish_timeout: 5s }`,
      leftOver: async () => {
        const lines = (await server.node.ctl('list_queues', '--no-table-headers', 'name', 'messages')).split('\n').map((line) => line.split('\t'))
        return lines.reduce((sum, [name, messages]) => (name === `${queueName}.dlq` ? sum : sum + Number(messages ?? 0)), 0)
      },
    })
  } finally {
    await server.stop()
  }
}

export const embeddedYaml = '{ type: embedded, path: messages.db }'
