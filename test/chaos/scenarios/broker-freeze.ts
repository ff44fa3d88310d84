import type { RabbitmqHost } from '../rabbitmq-host.ts'
import { rabbitmqScenario } from '../rabbitmq-scenario.ts'
import { lasting, recoveryMs, steadyRate } from '../recovery.ts'
import { atMost } from '../scenario.ts'
import { nowMs } from '../sender.ts'
import type { Story } from '../trial.ts'

const sizes = { full: { frozenMs: 60_000, warmMs: 3000, ratePerSecond: 300 }, short: { frozenMs: 4000, warmMs: 1500, ratePerSecond: 100 } }

/** The connections of before may be dead; noticing that takes as long as the heartbeats say. */
const backWithinMs = 15_000

const story =
  (host: RabbitmqHost, { frozenMs, warmMs }: (typeof sizes)['full']): Story =>
  async ({ ledger, tell }) => {
    const before = await steadyRate(ledger, warmMs)
    tell(`freezing the broker for ${frozenMs / 1000} s`)
    host.node.freeze()
    await lasting(frozenMs)
    host.node.thaw()
    const ms = await recoveryMs(ledger, before, 0.5, nowMs(), backWithinMs + 5000)
    return [atMost('publishing goes on after the thaw', ms / 1000, backWithinMs / 1000, ' s')]
  }

export const brokerFreeze = rabbitmqScenario({
  name: 'broker-freeze',
  about: `the broker frozen for ${sizes.full.frozenMs / 1000} s`,
  nodes: 1,
  sizes,
  run: (host, size, underLoad) => underLoad(story(host, size)),
})
