import { until } from '../../kit/until.ts'
import { prefetch } from '../gateway.ts'
import { embeddedYaml, withRabbitmq } from '../rabbitmq-host.ts'
import { type RunResult, type Scenario, type Surroundings, atMost } from '../scenario.ts'
import { type Story, type TrialOptions, trial } from '../trial.ts'

const sizes = { full: { messages: 100_000, kills: 20 }, short: { messages: 2000, kills: 3 } }

const options = { scenario: 'gateway-kill', lanes: 20, ratePerSecond: Infinity, workMs: 4 } satisfies Partial<TrialOptions>

/** Kills at random moments, spread over the whole of the sending. */
const story =
  ({ messages, kills }: (typeof sizes)['full']): Story =>
  async ({ gateway, sender, ledger, random, tell }) => {
    const sent = sender.send(messages)
    for (let kill = 1; kill <= kills; kill += 1) {
      const after = Math.floor(((kill - 1 + random()) / kills) * messages * 0.98)
      await until(`${after} messages are acknowledged`, () => ledger.confirmed >= after, 600_000)
      tell(`kill ${kill} of ${kills}, after ${ledger.confirmed} acknowledged messages`)
      await gateway.kill()
      await gateway.start()
    }
    await sent
    return []
  }

const run = (own: Pick<TrialOptions, 'broker' | 'brokerYaml'> & Partial<TrialOptions>, surroundings: Surroundings): Promise<RunResult> => {
  const size = sizes[surroundings.size]
  return trial({ ...options, ...own }, surroundings, story(size), ({ duplicated }) => [
    atMost(`no more duplicates than ${size.kills} kills x prefetch ${prefetch}`, duplicated, size.kills * prefetch),
  ])
}

export const gatewayKill: Scenario = {
  name: 'gateway-kill',
  about: `the gateway killed ${sizes.full.kills} times during ${sizes.full.messages.toLocaleString('en')} messages`,
  brokers: ['embedded', 'rabbitmq'],
  run: (broker, surroundings) =>
    broker === 'embedded'
      ? run({ broker, brokerYaml: embeddedYaml }, surroundings)
      : withRabbitmq(1, (host) => run({ broker, brokerYaml: host.yaml(), leftOver: host.leftOver }, surroundings)),
}
