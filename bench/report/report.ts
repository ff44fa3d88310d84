import type { Row } from '../comparison.ts'
import { goals, isMet } from './goals.ts'
import type { Results } from './results.ts'
import { table } from './table.ts'

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
const figure = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : '-')

const comparisonRow = (row: Row, floor: Row | undefined): readonly string[] => [
  row.errors > 0 ? `${row.name} (!)` : row.name,
  figure(row.cpuUs, 1),
  floor === undefined ? '-' : figure(row.cpuUs / floor.cpuUs, 2),
  Number.isFinite(row.cpuUs) ? `${figure(row.cpuUsRange[0], 1)}-${figure(row.cpuUsRange[1], 1)}` : '-',
  figure(row.requestsPerSecond, 0),
  figure(row.busyPercent, 0),
  figure(row.p50Ms, 2),
  figure(row.p99Ms, 2),
  Number.isFinite(row.peakRssBytes) ? mebibytes(row.peakRssBytes) : '-',
  String(row.requests),
  String(row.errors),
  figure(row.foreignPercent, 0),
]

const comparisonText = (results: Results): string[] => {
  const { comparison, settings } = results
  if (comparison === undefined) return []
  const floor = comparison.rows.find(({ name }) => name === 'floor')
  const head = [
    'proxy',
    'CPU µs/request',
    'x floor',
    'rounds',
    'requests/s',
    'core busy %',
    'p50 ms',
    'p99 ms',
    'peak MiB',
    'requests',
    'errors',
    'others %',
  ]
  return [
    `Medians of ${settings.rounds} interleaved rounds of ${settings.durationMs / 1000} s at saturation and ${settings.durationMs / 1000} s at half of each proxy's own saturation rate, ` +
      `${settings.connections} keep-alive connections, GET with a 1 KiB answer. Upstream: ${comparison.upstream}.`,
    table(
      head,
      comparison.rows.map((row) => comparisonRow(row, floor)),
    ),
    '`others %`: most that processes outside the bench used while this row was measured, percent of one core; above 5 the figures are disturbed.',
    ...(comparison.rows.some(({ errors }) => errors > 0) ? ['(!) This row had errors: its figures do not count.'] : []),
    comparison.rows.map(({ name, version, description }) => `- \`${name}\`: ${description}${version === '-' ? '' : ` (${version})`}`).join('\n'),
    ...comparison.skipped.map(({ name, reason }) => `Skipped: \`${name}\`: ${reason.split('\n')[0]}`),
  ]
}

const validateText = ({ validate }: Results): string[] =>
  validate === undefined
    ? []
    : [
        `Configuration of ${validate.routes} routes (${mebibytes(validate.bytes)} MiB of YAML): the whole pipeline of \`headgate validate\` against \`yaml\`'s \`parse\` of the same text.`,
        table(
          ['', '`yaml` parse ms', 'validate ms', 'ratio'],
          (['coldMs', 'warmMs'] as const).map((kind) => [
            kind === 'coldMs' ? 'first call in a fresh process' : 'later calls',
            figure(validate[kind].parse, 0),
            figure(validate[kind].validate, 0),
            figure(validate[kind].validate / validate[kind].parse, 2),
          ]),
        ),
      ]

const startText = ({ start }: Results): string[] =>
  start === undefined
    ? []
    : [
        `Start, from the command to the first answer through the gateway, example-sized configuration: median ${figure(start.medianMs, 0)} ms, ` +
          `slowest ${figure(start.worstMs, 0)} ms of ${start.runs} (the floor, by the same measure: ${figure(start.floorMs, 0)} ms).`,
      ]

const streamText = ({ stream }: Results): string[] =>
  stream === undefined
    ? []
    : [
        `${mebibytes(stream[0]?.bytes ?? 0)} MiB streamed; slow: the reading side takes 64 MiB/s.`,
        table(
          ['proxy', 'direction', 'reader', 'growth MiB', 'seconds'],
          stream.map((one) => [one.proxy, one.direction, one.reader, mebibytes(one.growthBytes), figure(one.seconds, 1)]),
        ),
      ]

const perSecond = (rate: number): string => String(Math.round(rate))

const messagingText = ({ embedded, rabbitmq }: Results): string[] => [
  ...(embedded === undefined
    ? []
    : [
        `${embedded.messages} messages of 1 KiB, medians of ${embedded.rounds} rounds. Headgate: published by 100 at a time, confirmed, delivered (prefetch 100), acknowledged; ` +
          'the bare loop: one row inserted, one deleted. SQLite in WAL mode with `synchronous=FULL` everywhere.',
        table(
          ['', 'messages/s', 'x bare'],
          [
            ['bare `node:sqlite`, each step its own transaction', perSecond(embedded.bare), '1.00'],
            ['Headgate, embedded broker', perSecond(embedded.headgate), figure(embedded.headgate / embedded.bare, 2)],
            ['bare `node:sqlite`, 100 rows in each transaction', perSecond(embedded.bareBatched), figure(embedded.bareBatched / embedded.bare, 2)],
          ],
        ),
        `Memory over ${embedded.memory.messages} messages: ${mebibytes(embedded.memory.growthBytes)} MiB above what it was after the first twentieth.`,
      ]),
  ...(rabbitmq === undefined
    ? []
    : [
        `${rabbitmq.messages} messages of 1 KiB consumed from a quorum queue of one node with prefetch 100 and acknowledged, medians of ${rabbitmq.rounds} interleaved rounds.`,
        table(
          ['', 'messages/s', 'x bare'],
          [
            ['bare amqplib', perSecond(rabbitmq.bare), '1.00'],
            ['Headgate, RabbitMQ broker', perSecond(rabbitmq.headgate), figure(rabbitmq.headgate / rabbitmq.bare, 2)],
          ],
        ),
      ]),
]

const goalsText = (results: Results): string[] => [
  table(
    ['goal', 'bound', 'measured', 'met'],
    goals(results).map((goal) => [
      goal.text,
      `${goal.bound === 'least' ? '≥' : '≤'} ${goal.limit}${goal.unit}`,
      goal.measured === undefined ? '-' : `${goal.measured.toFixed(goal.unit === 'x' ? 2 : 0)}${goal.unit}`,
      goal.measured === undefined ? 'not measured' : isMet(goal) ? 'yes' : 'no',
    ]),
  ),
]

/** The whole report as Markdown: for the terminal and for docs/performance.md. */
export const report = (results: Results): string => {
  const { machine } = results
  return [
    `Run of ${results.date.slice(0, 10)} on ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}; ${machine.pinning}.` +
      (results.settings.quick ? ' **Quick run: too short for conclusions.**' : ''),
    ...goalsText(results),
    ...comparisonText(results),
    ...validateText(results),
    ...startText(results),
    ...streamText(results),
    ...messagingText(results),
    ...results.missing.map((text) => `Not measured: ${text}`),
  ].join('\n\n')
}
