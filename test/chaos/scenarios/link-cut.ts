import { startFaultProxy } from '../../kit/fault-proxy.ts'
import type { FaultProxy } from '../../kit/fault-proxy.ts'
import { withRabbitmq } from '../rabbitmq-host.ts'
import { lasting, recoveryMs, steadyRate } from '../recovery.ts'
import { type Check, type Scenario, atMost } from '../scenario.ts'
import { nowMs } from '../sender.ts'
import { type Story, trial } from '../trial.ts'

const sizes = { full: { brokenMs: 30_000, warmMs: 3000, ratePerSecond: 300 }, short: { brokenMs: 2500, warmMs: 1500, ratePerSecond: 100 } }

/** A dead connection is noticed by its heartbeats. */
const backWithinMs = 15_000

/** First a cable that is pulled, so that nobody is told; then a link that refuses. */
const troubles: readonly { readonly name: string; begin(proxy: FaultProxy): void }[] = [
  { name: 'the link silent', begin: (proxy) => proxy.freeze() },
  { name: 'the link refused', begin: (proxy) => proxy.cut({ refuse: true }) },
]

const story =
  (proxy: FaultProxy, { brokenMs, warmMs }: (typeof sizes)['full']): Story =>
  async ({ sender, ledger, tell }) => {
    const sent = sender.send(Infinity)
    const checks: Check[] = []
    await lasting(warmMs)
    for (const { name, begin } of troubles) {
      const before = await steadyRate(ledger, warmMs)
      tell(`${name} for ${brokenMs / 1000} s`)
      begin(proxy)
      await lasting(brokenMs)
      proxy.mend()
      const ms = await recoveryMs(ledger, before, 0.5, nowMs(), backWithinMs + 5000)
      checks.push(atMost(`${name}: publishing goes on once it is mended`, ms / 1000, backWithinMs / 1000, ' s'))
    }
    sender.stop()
    await sent
    return checks
  }

export const linkCut: Scenario = {
  name: 'link-cut',
  about: `the link to the broker silent for ${sizes.full.brokenMs / 1000} s, then refused for as long`,
  brokers: ['rabbitmq'],
  run: (broker, surroundings) => {
    const size = sizes[surroundings.size]
    return withRabbitmq(1, async (host) => {
      const proxy = await startFaultProxy({ port: host.node.port })
      const brokerYaml = host.yaml([host.node.url.replace(`:${host.node.port}`, `:${proxy.port}`)])
      const options = { scenario: 'link-cut', broker, brokerYaml, lanes: 20, ratePerSecond: size.ratePerSecond, workMs: 2, leftOver: host.leftOver }
      try {
        return await trial(options, surroundings, story(proxy, size))
      } finally {
        await proxy.close()
      }
    })
  },
}
