import { between } from '../chance.ts'
import type { RabbitmqHost } from '../rabbitmq-host.ts'
import { rabbitmqScenario } from '../rabbitmq-scenario.ts'
import { lasting, recoveryMs, steadyRate } from '../recovery.ts'
import { type Check, atMost } from '../scenario.ts'
import { nowMs } from '../sender.ts'
import type { Story } from '../trial.ts'

const sizes = { full: { kills: 5, warmMs: 3000, ratePerSecond: 300 }, short: { kills: 1, warmMs: 1500, ratePerSecond: 100 } }

/** Share of the earlier rate that has to be back, and how soon after the broker takes connections again. */
const share = 0.9
const backWithinMs = 5000

const story =
  (host: RabbitmqHost, { kills, warmMs }: (typeof sizes)['full']): Story =>
  async ({ ledger, random, tell }) => {
    const checks: Check[] = []
    for (let kill = 1; kill <= kills; kill += 1) {
      const before = await steadyRate(ledger, warmMs)
      await host.node.kill()
      await lasting(between(random, 200, 2000))
      await host.node.restart()
      const ms = await recoveryMs(ledger, before, share, nowMs())
      tell(`kill ${kill} of ${kills}: ${Math.round(before)} messages per second before, as many again ${Math.round(ms)} ms after the broker was back`)
      checks.push(atMost(`kill ${kill}: ${share * 100} % of the rate again`, ms / 1000, backWithinMs / 1000, ' s'))
    }
    return checks
  }

export const brokerKill = rabbitmqScenario({
  name: 'broker-kill',
  about: `the broker killed ${sizes.full.kills} times under load`,
  nodes: 1,
  sizes,
  run: (host, size, underLoad) => underLoad(story(host, size)),
})
