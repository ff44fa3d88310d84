import { startFaultProxy } from '../../kit/fault-proxy.ts'
import type { FaultProxy } from '../../kit/fault-proxy.ts'
import type { RabbitmqHost } from '../rabbitmq-host.ts'
import { type UnderLoad, rabbitmqScenario } from '../rabbitmq-scenario.ts'
import { lasting, recoveryMs, steadyRate } from '../recovery.ts'
import { type Check, type RunResult, atMost } from '../scenario.ts'
import { nowMs } from '../sender.ts'
import type { Story } from '../trial.ts'

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
  async ({ ledger, tell }) => {
    const checks: Check[] = []
    for (const { name, begin } of troubles) {
      const before = await steadyRate(ledger, warmMs)
      tell(`${name} for ${brokenMs / 1000} s`)
      begin(proxy)
      await lasting(brokenMs)
      proxy.mend()
      const ms = await recoveryMs(ledger, before, 0.5, nowMs(), backWithinMs + 5000)
      checks.push(atMost(`${name}: publishing goes on once it is mended`, ms / 1000, backWithinMs / 1000, ' s'))
    }
    return checks
  }

async function proxied(host: RabbitmqHost, size: (typeof sizes)['full'], underLoad: UnderLoad): Promise<RunResult> {
  const proxy = await startFaultProxy({ port: host.node.port })
  try {
    return await underLoad(story(proxy, size), [host.node.url.replace(`:${host.node.port}`, `:${proxy.port}`)])
  } finally {
    await proxy.close()
  }
}

export const linkCut = rabbitmqScenario({
  name: 'link-cut',
  about: `the link to the broker silent for ${sizes.full.brokenMs / 1000} s, then refused for as long`,
  nodes: 1,
  sizes,
  run: proxied,
})
