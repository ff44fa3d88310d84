import { type RabbitmqHost, withRabbitmq } from '../rabbitmq-host.ts'
import { lasting, recoveryMs, steadyRate } from '../recovery.ts'
import { type Scenario, atMost } from '../scenario.ts'
import { nowMs } from '../sender.ts'
import { type Story, trial } from '../trial.ts'

const sizes = { full: { frozenMs: 60_000, warmMs: 3000, ratePerSecond: 300 }, short: { frozenMs: 4000, warmMs: 1500, ratePerSecond: 100 } }

/** The connections of before may be dead; noticing that takes as long as the heartbeats say. */
const backWithinMs = 15_000

const story =
  (host: RabbitmqHost, { frozenMs, warmMs }: (typeof sizes)['full']): Story =>
  async ({ sender, ledger, tell }) => {
    const sent = sender.send(Infinity)
    await lasting(warmMs)
    const before = await steadyRate(ledger, warmMs)
    tell(`freezing the broker for ${frozenMs / 1000} s`)
    host.node.freeze()
    await lasting(frozenMs)
    host.node.thaw()
    const ms = await recoveryMs(ledger, before, 0.5, nowMs(), backWithinMs + 5000)
    sender.stop()
    await sent
    return [atMost('publishing goes on after the thaw', ms / 1000, backWithinMs / 1000, ' s')]
  }

export const brokerFreeze: Scenario = {
  name: 'broker-freeze',
  about: `the broker frozen for ${sizes.full.frozenMs / 1000} s`,
  brokers: ['rabbitmq'],
  run: (broker, surroundings) => {
    const size = sizes[surroundings.size]
    return withRabbitmq(1, (host) =>
      trial(
        {
          scenario: 'broker-freeze',
          broker,
          brokerYaml: host.yaml(),
          lanes: 20,
          ratePerSecond: size.ratePerSecond,
          workMs: 2,
          leftOver: host.leftOver,
        },
        surroundings,
        story(host, size),
      ),
    )
  },
}
