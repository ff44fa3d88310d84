/**
 * npm run bench -- [--quick] [--only NAMES] [--rounds N] [--write-docs]
 *   --quick       one short round of everything: shows that it works, says little about speed
 *   --only        comma-separated rows (floor, fastify, nginx, headgate, ...) and scenarios (validate, start, stream, embedded, rabbitmq)
 *   --rounds      rounds of the comparison; default 5
 *   --write-docs  puts the report into docs/performance.md
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Comparison, compare, type RoundSetting } from './comparison.ts'
import { machine, pinning } from './machine.ts'
import { gatewayVersion, headgatePeers } from './peers/headgate.ts'
import { nativePeers } from './peers/native.ts'
import { nodePeers } from './peers/node.ts'
import { writeDocument } from './report/docs.ts'
import { report } from './report/report.ts'
import type { Results } from './report/results.ts'
import { measureEmbedded } from './scenarios/messaging-embedded.ts'
import { measureRabbitmq } from './scenarios/messaging-rabbitmq.ts'
import { measureStart } from './scenarios/start.ts'
import { measureStream } from './scenarios/stream.ts'
import { measureValidate } from './scenarios/validate-config.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { smallUpstream } from './upstream.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    'write-docs': { type: 'boolean', default: false },
  },
})
const { quick } = values
const rounds = values.rounds === undefined ? (quick ? 1 : 5) : Number(values.rounds)
const setting: RoundSetting = quick ? { warmUpMs: 2000, durationMs: 1000, connections: 48 } : { warmUpMs: 3000, durationMs: 5000, connections: 48 }

const peers = [...nodePeers, ...headgatePeers, ...nativePeers]
const scenarios = ['validate', 'start', 'stream', 'embedded', 'rabbitmq']
const wanted = values.only?.split(',') ?? [...peers.map(({ name }) => name), ...scenarios]
const unknown = wanted.filter((name) => !scenarios.includes(name) && !peers.some((peer) => peer.name === name))
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(
    `usage: npm run bench -- [--quick] [--only ${[...peers.map(({ name }) => name), ...scenarios].join(',')}] [--rounds N] [--write-docs]`,
  )
  process.exit(2)
}
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

const tell = (line: string): void => console.error(line)
const pins = pinning()
const missing: string[] = []

const comparison = async (): Promise<Comparison | undefined> => {
  const chosen = peers.filter(({ name }) => wanted.includes(name))
  if (chosen.length === 0) return undefined
  const folder = temporaryFolder()
  const upstream = await smallUpstream(folder, pins.others)
  try {
    return await compare(chosen, upstream, rounds, setting, pins, folder, tell)
  } finally {
    await upstream.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const scenario = async <Result>(name: string, run: () => Promise<Result>): Promise<Result | undefined> => {
  if (!wanted.includes(name)) return undefined
  tell(`scenario ${name}`)
  try {
    return await run()
  } catch (error) {
    missing.push(`${name}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`)
    return undefined
  }
}

tell(`${pins.description}; ${rounds} round(s)`)
const results: Results = {
  date: new Date().toISOString(),
  machine: machine(pins),
  settings: { ...setting, rounds, quick },
  comparison: await comparison(),
  validate: await scenario('validate', () => measureValidate(10_000, quick ? 1 : 5, quick ? 2 : 5)),
  start: await scenario('start', () => measureStart(quick ? 3 : 11)),
  stream: await scenario('stream', () =>
    measureStream(gatewayVersion() === undefined ? ['floor'] : ['floor', 'headgate'], (quick ? 128 : 1024) * 2 ** 20),
  ),
  embedded: await scenario('embedded', () => measureEmbedded(quick ? 2000 : 20_000, quick ? 1 : 3, quick ? 20_000 : 1_000_000)),
  rabbitmq: await scenario('rabbitmq', () => measureRabbitmq(quick ? 5000 : 50_000, quick ? 1 : 5)),
  missing,
}

const text = report(results)
console.log(text)
// Only whole runs are kept in the repository.
const suffix = quick || values.only !== undefined ? '-partial' : ''
const folder = join(import.meta.dirname, 'results')
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, `${results.date.slice(0, 16).replace(':', '-')}${suffix}.json`), `${JSON.stringify(results, null, 2)}\n`)
if (values['write-docs']) writeDocument(join(import.meta.dirname, '../docs/performance.md'), text)
