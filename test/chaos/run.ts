/**
 * npm run chaos -- [--short] [--scenario NAMES] [--broker NAMES] [--seed N] [--format text|json]
 *   --short     sizes of the test suite instead of those of the promises
 *   --scenario  comma-separated: gateway-kill, poison, broker-kill, broker-freeze, link-cut, leader-kill, flow-kill, payments
 *   --broker    comma-separated: embedded, rabbitmq
 *   --seed      repeats the chance of an earlier run
 * Ends with 1 when a promise was broken, with 2 when it was called wrongly; with CI=true also with 1 when a broker could not be had.
 */
import { parseArgs } from 'node:util'
import { rabbitmqMissing } from './rabbitmq-host.ts'
import { type NotRun, isBroken, text } from './report.ts'
import type { BrokerKind, RunResult, Surroundings } from './scenario.ts'
import { scenarios } from './scenarios/scenarios.ts'

const tell = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
const kinds: readonly BrokerKind[] = ['embedded', 'rabbitmq']

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    scenario: { type: 'string', default: scenarios.map(({ name }) => name).join(',') },
    broker: { type: 'string', default: kinds.join(',') },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    format: { type: 'string', default: 'text' },
  },
})
const wanted = values.scenario.split(',').map((name) => scenarios.find((scenario) => scenario.name === name))
const brokers = values.broker.split(',').map((name) => kinds.find((kind) => kind === name))
const seed = Number(values.seed)
if (wanted.includes(undefined) || brokers.includes(undefined) || !Number.isSafeInteger(seed) || !['text', 'json'].includes(values.format)) {
  tell(`usage: npm run chaos -- [--short] [--scenario ${scenarios.map(({ name }) => name).join(',')}]`)
  tell(`                        [--broker ${kinds.join(',')}] [--seed N] [--format text|json]`)
  process.exit(2)
}
// Children and folders are cleared away when this process ends in an orderly way.
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

const surroundings: Surroundings = { size: values.short ? 'short' : 'full', seed, tell }
const results: RunResult[] = []
const notRun: NotRun[] = []
tell(`seed ${seed}`)

const missing = brokers.includes('rabbitmq') ? await rabbitmqMissing() : undefined
for (const scenario of wanted.filter((one) => one !== undefined)) {
  for (const broker of brokers.filter((one) => one !== undefined)) {
    const leftOut = (kind: NotRun['kind'], why: string): void => void notRun.push({ scenario: scenario.name, broker, kind, why })
    if (!scenario.brokers.includes(broker)) leftOut('not applicable', 'does not apply: it has no process of its own')
    else if (broker === 'rabbitmq' && missing !== undefined) leftOut('missing', `not run: ${missing}`)
    else {
      try {
        results.push(await scenario.run(broker, surroundings))
      } catch (error) {
        leftOut('failed', `FAILED: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
}

const report = { seed, size: surroundings.size, results, notRun }
process.stdout.write(`${values.format === 'json' ? JSON.stringify(report, undefined, 2) : text(report)}\n`)
const incomplete = notRun.some(({ kind }) => kind === 'failed' || (kind === 'missing' && process.env['CI'] === 'true'))
process.exitCode = results.some(isBroken) || incomplete ? 1 : 0
