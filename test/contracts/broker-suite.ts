import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Bench, BrokerHarness, BrokerTraits } from './broker/bench.ts'
import { openBench } from './broker/bench.ts'
import { contentCases } from './broker/content.ts'
import { deadLetterCases } from './broker/dead-letters.ts'
import { deliveryCases } from './broker/deliveries.ts'
import { limitCases } from './broker/limits.ts'
import { replayCases } from './broker/replays.ts'
import { routingCases } from './broker/routing.ts'
import { settlementCases } from './broker/settlements.ts'
import { statusCases } from './broker/status.ts'
import { subscriptionCases } from './broker/subscriptions.ts'

export type { BrokerHarness, BrokerTraits } from './broker/bench.ts'

/** Most of a case is waiting for the broker; a few of them wait at the same time. */
const caseTimeoutMs = 30_000

const groups = {
  'publishing and routing': routingCases,
  'what a message carries': contentCases,
  deliveries: deliveryCases,
  settlements: settlementCases,
  subscriptions: subscriptionCases,
  'dead letters': deadLetterCases,
  'replay and drop': replayCases,
  limits: limitCases,
  'stats and status': statusCases,
}

const usual: BrokerTraits = {
  order: 'queue',
  settlesSingly: true,
  refusesWhenFull: true,
  hasExclusive: true,
  depthHoldsDelayed: true,
}

/**
 * The cases that every broker passes, against a real one. Queues have names of their own in every case, so one server serves all,
 * and the cases run side by side.
 * @param traits Where this broker legitimately differs; each of them is explained in docs/messaging.md.
 */
export function describeBroker(name: string, setup: () => Promise<BrokerHarness>, traits: Partial<BrokerTraits> = {}): void {
  describe(`the contract of a broker, kept by ${name}`, () => {
    let harness: BrokerHarness | undefined
    beforeAll(async () => {
      harness = await setup()
    }, 120_000)
    afterAll(() => harness?.stop(), 60_000)

    const exact = { ...usual, ...traits }
    for (const [group, cases] of Object.entries(groups))
      describe.concurrent(`contract: ${group}`, () => {
        cases((title, run) => {
          test(`${name}: ${title}`, { timeout: caseTimeoutMs }, async ({ expect }) => {
            expect(harness).toBeDefined()
            if (harness !== undefined) await onBench(openBench(harness, exact), run)
          })
        }, exact)
      })
  })
}

async function onBench(bench: Bench, run: (bench: Bench) => Promise<void>): Promise<void> {
  try {
    await run(bench)
  } finally {
    await bench.close()
  }
}
