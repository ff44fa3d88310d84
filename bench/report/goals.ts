import type { Results } from './results.ts'

/** One performance goal and what this run says about it. */
export interface Goal {
  readonly text: string
  readonly limit: number
  /** `most` unless said otherwise. */
  readonly bound?: 'least'
  readonly unit: string
  /** undefined: not measured in this run. */
  readonly measured: number | undefined
}

const mebibyte = 2 ** 20

const cpuRatio = (results: Results, name: string, base: string): number | undefined => {
  const cpuUs = (wanted: string): number | undefined => results.comparison?.rows.find((row) => row.name === wanted)?.cpuUs
  const [value, reference] = [cpuUs(name), cpuUs(base)]
  return value === undefined || reference === undefined ? undefined : value / reference
}

const streamGrowthMiB = (results: Results): number | undefined => {
  const growth = results.stream?.filter(({ proxy }) => proxy === 'headgate').map(({ growthBytes }) => growthBytes / mebibyte) ?? []
  return growth.length === 0 ? undefined : Math.max(...growth)
}

export const isMet = ({ limit, bound, measured }: Goal): boolean =>
  measured !== undefined && (bound === 'least' ? measured >= limit : measured <= limit)

export const goals = (results: Results): readonly Goal[] => [
  { text: 'CPU per request against the floor', limit: 1.35, unit: 'x', measured: cpuRatio(results, 'headgate', 'floor') },
  { text: 'CPU per request against @fastify/http-proxy', limit: 0.6, unit: 'x', measured: cpuRatio(results, 'headgate', 'fastify') },
  { text: 'CPU per request against Caddy', limit: 0.6, unit: 'x', measured: cpuRatio(results, 'headgate', 'caddy') },
  { text: 'CPU per request, 10,000 routes against 1', limit: 1.05, unit: 'x', measured: cpuRatio(results, 'headgate-10k', 'headgate') },
  {
    text: 'validate 10,000 routes against `yaml` parsing alone (first call in a fresh process)',
    limit: 2,
    unit: 'x',
    measured: results.validate && results.validate.coldMs.validate / results.validate.coldMs.parse,
  },
  {
    text: 'the same, later calls',
    limit: 2,
    unit: 'x',
    measured: results.validate && results.validate.warmMs.validate / results.validate.warmMs.parse,
  },
  { text: 'command to first answer, example-sized configuration (median)', limit: 500, unit: ' ms', measured: results.start?.medianMs },
  { text: 'memory growth while 1 GiB streams (worst of four)', limit: 50, unit: ' MiB', measured: streamGrowthMiB(results) },
  {
    text: 'messages consumed and acknowledged per second, RabbitMQ, against a bare amqplib loop',
    limit: 0.8,
    bound: 'least',
    unit: 'x',
    measured: results.rabbitmq && results.rabbitmq.headgate / results.rabbitmq.bare,
  },
  {
    text: 'messages through the embedded broker per second, against a bare SQLite insert-and-delete loop',
    limit: 0.5,
    bound: 'least',
    unit: 'x',
    measured: results.embedded && results.embedded.headgate / results.embedded.bare,
  },
  {
    text: 'memory growth over a million messages, embedded broker',
    limit: 50,
    unit: ' MiB',
    measured: results.embedded && results.embedded.memory.growthBytes / mebibyte,
  },
]
