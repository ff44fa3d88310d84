import type { Fate, TargetRecord } from '../record.ts'
import { embeddedYaml, withRabbitmq } from '../rabbitmq-host.ts'
import { type RunResult, type Scenario, type Surroundings, exactly } from '../scenario.ts'
import { type Story, type TrialOptions, trial } from '../trial.ts'

const sizes = { full: 10_000, short: 400 }

/** Of twenty messages one is poison; in turn the target refuses it for good, or fails whatever is tried. */
const fate = (n: number): Fate => (n % 20 !== 0 ? 'handled' : n % 40 === 0 ? 'refused' : 'failing')

/** 3 attempts in each of 5 deliveries; a refusal needs no second attempt. */
const attemptsOf: Readonly<Record<Fate, number>> = { handled: 0, refused: 1, failing: 15 }

const wrongAttempts = ({ entries }: TargetRecord): number => entries.filter(([n, , failed]) => failed !== attemptsOf[fate(n)]).length

const story =
  (messages: number): Story =>
  async ({ sender }) => {
    await sender.send(messages)
    return []
  }

const run = (own: Pick<TrialOptions, 'broker' | 'brokerYaml'> & Partial<TrialOptions>, surroundings: Surroundings): Promise<RunResult> => {
  const messages = sizes[surroundings.size]
  const options = { scenario: 'poison', lanes: 20, ratePerSecond: Infinity, workMs: 1, fate, ...own }
  return trial(options, surroundings, story(messages), (counts, record) => [
    exactly('every poisoned message is a dead letter', counts.deadLettered, messages / 20),
    exactly('messages that were tried more or less often than they should', wrongAttempts(record), 0),
    exactly('attempts on poison', counts.failedAttempts, (messages / 40) * (attemptsOf.refused + attemptsOf.failing)),
    exactly('every other message comes once', counts.duplicated, 0),
  ])
}

export const poison: Scenario = {
  name: 'poison',
  about: `${sizes.full.toLocaleString('en')} messages, one of twenty poisoned`,
  brokers: ['embedded', 'rabbitmq'],
  run: (broker, surroundings) =>
    broker === 'embedded'
      ? run({ broker, brokerYaml: embeddedYaml }, surroundings)
      : withRabbitmq(1, (host) => run({ broker, brokerYaml: host.yaml(), leftOver: host.leftOver }, surroundings)),
}
