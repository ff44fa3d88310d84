import type { RabbitmqNode } from '../../kit/rabbitmq.ts'
import { queueName } from '../gateway.ts'
import type { RabbitmqHost } from '../rabbitmq-host.ts'
import { rabbitmqScenario } from '../rabbitmq-scenario.ts'
import { recoveryMs, steadyRate } from '../recovery.ts'
import { type Check, atMost } from '../scenario.ts'
import { nowMs } from '../sender.ts'
import type { Story } from '../trial.ts'

const sizes = { full: { kills: 3, warmMs: 3000, ratePerSecond: 150 }, short: { kills: 1, warmMs: 1500, ratePerSecond: 50 } }

const resumedWithinMs = 5000

/** The node that leads the queue, as a living node says. */
async function leader(host: RabbitmqHost): Promise<RabbitmqNode> {
  const lines = await host.node.ctl('list_queues', '--no-table-headers', 'name', 'leader')
  const name = lines
    .split('\n')
    .map((line) => line.split('\t'))
    .find(([queue]) => queue === queueName)?.[1]
  const node = host.nodes.find((one) => one.name === name)
  if (node === undefined) throw new Error(`no node leads ${queueName}: ${lines}`)
  return node
}

const story =
  (host: RabbitmqHost, { kills, warmMs }: (typeof sizes)['full']): Story =>
  async ({ ledger, tell }) => {
    const checks: Check[] = []
    for (let kill = 1; kill <= kills; kill += 1) {
      const before = await steadyRate(ledger, warmMs)
      const node = await leader(host)
      const killedAtMs = nowMs()
      await node.kill()
      const goneAtMs = nowMs()
      const resumedMs = goneAtMs - killedAtMs + (await recoveryMs(ledger, before, 0.5, goneAtMs, 30_000))
      tell(`kill ${kill} of ${kills}: ${node.name} led the queue; publishing resumed after ${Math.round(resumedMs)} ms`)
      checks.push(atMost(`kill ${kill}: publishing resumes`, resumedMs / 1000, resumedWithinMs / 1000, ' s'))
      await node.restart()
    }
    return checks
  }

export const leaderKill = rabbitmqScenario({
  name: 'leader-kill',
  about: 'three nodes; the leader of the queue killed under load',
  nodes: 3,
  sizes,
  run: (host, size, underLoad) => underLoad(story(host, size)),
})
