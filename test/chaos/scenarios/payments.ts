import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FaultRates } from '../../../examples/services/provider-faults.ts'
import { until } from '../../kit/until.ts'
import { chance } from '../chance.ts'
import type { Counts } from '../checker.ts'
import { gateway as gatewayUnderTest } from '../gateway.ts'
import type { Gateway } from '../gateway.ts'
import { payer } from '../payments/payer.ts'
import type { Paid, Payer } from '../payments/payer.ts'
import { startProvider } from '../payments/provider.ts'
import type { Provider } from '../payments/provider.ts'
import { exactly } from '../scenario.ts'
import type { Check, RunResult, Scenario, Surroundings } from '../scenario.ts'
import { keyOf, nowMs } from '../sender.ts'

const sizes = { full: { intents: 10_000, kills: 10, lanes: 40 }, short: { intents: 300, kills: 2, lanes: 20 } }

/** 20 % of the answers are lost, half of them with the request; 5 % each are 429 and 500, 2 % are 409. */
const faults: FaultRates = { lost_answer: 0.1, lost_request: 0.1, rate_limited: 0.05, error_after: 0.025, error_early: 0.025, conflict: 0.02 }

const settleTimeoutMs = 240_000

/** The document's payment integration, with waits that fit a run of minutes. */
const yaml = (providerUrl: string): string => `
queues:
  payment.process: { type: topic, durable: true, ttl: 24h, dead_letter: true, purpose: Payment processing }
consumers:
  payment_processor:
    queue: payment.process
    prefetch: 50
    concurrency: 25
    timeout: 30s
    retry: { max_attempts: 3, base_delay: 20ms, max_delay: 200ms, dead_letter_after: 50 }
    deliver_to: { integration: payment, operation: create_payment }
integrations:
  payment:
    plugin: stripe
    base_url: ${providerUrl}
    auth: { type: bearer, token: "\${env:PAYMENT_KEY}" }
    timeout: 3s
    retry: { backoff: exponential, max_attempts: 3, base_delay: 20ms, max_delay: 200ms }
    reconcile: { base_delay: 200ms, max_delay: 2s }
    operations:
      create_payment: { idempotency: required, compensation: refund }
    failure_modes:
      service_down: { when: { status: 503 }, then: queue, tell: "Processing payment..." }
      rate_limited: { when: { status: 429 }, then: back_off_and_queue, tell: "High volume, please wait" }
      network_timeout: { when: timeout, then: idempotent_retry, tell: "Verifying payment..." }
      invalid_response: { when: invalid_response, then: log_and_alert, tell: "Technical issue" }
routing_rules:
  - { path: /api/payments, methods: [POST], integration: payment, operation: create_payment }
`

const run = async ({ size, seed, tell: say }: Surroundings): Promise<RunResult> => {
  const startedAtMs = nowMs()
  const { intents, kills, lanes } = sizes[size]
  const random = chance(seed)
  const name = `run${seed.toString(36)}`
  const tell = (line: string): void => say(`payments: ${line}`)
  const folder = await mkdtemp(join(tmpdir(), 'headgate-chaos-'))
  const provider = await startProvider(seed, faults)
  const gateway = await gatewayUnderTest({ folder, yaml: yaml(provider.url), env: { PAYMENT_KEY: 'sk_test_chaos' } })
  const client = payer({ url: gateway.url, run: name, lanes, random })
  let kept = false
  try {
    await gateway.start()
    const paid = client.pay(intents)
    for (let kill = 1; kill <= kills; kill += 1) {
      const after = Math.floor(((kill - 1 + random()) / kills) * intents * 0.98)
      await until(`${after} intents are answered`, () => client.decided >= after, 900_000)
      tell(`kill ${kill} of ${kills}, after ${client.decided} answered intents`)
      await gateway.kill()
      await gateway.start()
    }
    await paid
    tell(`all are answered, ${count(client, 'pending')} are still open`)
    await client.settle(settleTimeoutMs)
    const open = await openIntents(gateway)
    const result = await judged({ client, provider, gateway, intents, name, open })
    const ended = await gateway.stop()
    const checks = [...result.checks, { promise: 'the gateway stops when it is told to', kept: ended === 'exit 0', seen: ended }]
    kept = checks.every((one) => one.kept)
    return { scenario: 'payments', broker: 'embedded', counts: result.counts, checks, seconds: (nowMs() - startedAtMs) / 1000 }
  } finally {
    await client.close()
    await gateway.kill()
    await provider.stop()
    if (kept) await rm(folder, { recursive: true, force: true })
    else tell(`configuration, logs and store are kept in ${folder}`)
  }
}

const count = ({ intents }: Payer, wanted: Paid): number => [...intents.values()].filter((paid) => paid === wanted).length

/** Intents that the gateway has not brought to an end, by state. */
async function openIntents({ adminUrl }: Gateway): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  for (const state of ['running', 'queued', 'verifying', 'review']) {
    const { intents } = (await (await fetch(`${adminUrl}/-/intents?state=${state}&limit=1000`)).json()) as { readonly intents: readonly unknown[] }
    if (intents.length > 0) counts[state] = intents.length
  }
  return counts
}

interface End {
  readonly client: Payer
  readonly provider: Provider
  readonly gateway: Gateway
  readonly intents: number
  readonly name: string
  readonly open: Readonly<Record<string, number>>
}

async function judged({ client, provider, gateway, intents, name, open }: End): Promise<{ counts: Counts; checks: readonly Check[] }> {
  const charges = await provider.charges()
  const requests = await provider.requests()
  const known = new Set(Array.from({ length: intents }, (_, index) => keyOf(name, index + 1)))
  const lost = [...known].filter((key) => !charges.has(key)).length
  const doubled = [...charges.values()].reduce((sum, times) => sum + times - 1, 0)
  const unexpected = [...charges.keys()].filter((key) => !known.has(key)).length
  const completed = count(client, 'completed')
  const counts: Counts = {
    attempted: intents,
    acknowledged: completed,
    lost,
    duplicated: doubled,
    duplicatedOfResent: doubled,
    unexpected,
    deadLettered: count(client, 'refused'),
    failedAttempts: Object.entries(requests).reduce((sum, [fault, times]) => sum + (fault === 'none' ? 0 : times), 0),
  }
  const refused = [...client.refusals].map(([status, times]) => `${status}: ${times}`).join(', ')
  return {
    counts,
    checks: [
      exactly('every intent is completed', completed, intents),
      exactly(
        'charges equal distinct intents',
        [...charges.values()].reduce((sum, times) => sum + times, 0),
        intents,
      ),
      exactly('nothing is charged twice', doubled, 0),
      exactly('nothing is charged that nobody asked for', unexpected, 0),
      { promise: 'no intent is left open', kept: Object.keys(open).length === 0, seen: JSON.stringify(open) },
      { promise: 'the provider misbehaved', kept: counts.failedAttempts > intents / 10, seen: JSON.stringify(requests) },
      {
        promise: 'the gateway never ends by itself',
        kept: gateway.ownEnds.length === 0,
        seen: gateway.ownEnds.join(', ') || `it did not (${refused})`,
      },
    ],
  }
}

export const payments: Scenario = {
  name: 'payments',
  about: `${sizes.full.intents.toLocaleString('en')} payments at a provider that loses answers, and ${sizes.full.kills} kills of the gateway`,
  brokers: ['embedded'],
  run: (_broker, surroundings) => run(surroundings),
}
