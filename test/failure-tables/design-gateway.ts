import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runGateway } from '../support/headgate.ts'
import type { RunningGateway } from '../support/headgate.ts'

/** The payment integration and its consumer as the configuration language shows them, letter for letter. */
export const designYaml = `
integrations:
  payment:
    plugin: stripe                       # criticality, base_url, auth, rate_limit 100/min, timeout 30s
    retry: { backoff: exponential, max_attempts: 3 }
    operations:
      create_payment:  { idempotency: required, compensation: refund }
      capture_payment: { idempotency: built-in, compensation: release_authorization }
      refund:          { idempotency: required, compensation: manual_review }
    failure_modes:
      service_down:     { when: { status: 503 },       then: queue,            tell: "Processing payment..." }
      rate_limited:     { when: { status: 429 },       then: back_off_and_queue, tell: "High volume, please wait" }
      network_timeout:  { when: timeout,               then: idempotent_retry, tell: "Verifying payment..." }
      invalid_response: { when: invalid_response,      then: log_and_alert,    tell: "Technical issue" }
brokers: { default: { type: embedded } }   # or rabbitmq / kafka with urls; embedded = durable file beside the gateway, no server needed
queues:
  payment.process: { type: topic,  durable: true, ttl: 24h, dead_letter: true,  purpose: Payment processing }
  email.send:      { type: direct, durable: true, ttl: 1h,  dead_letter: true,  purpose: Email delivery }
  audit.log:       { type: fanout, durable: true, ttl: ∞,   dead_letter: false, purpose: Audit trail }
consumers:
  payment_processor:
    queue: payment.process
    prefetch: 10              # unacknowledged deliveries held
    concurrency: 5            # handled at the same time
    timeout: 300s             # one attempt
    retry:
      max_attempts: 3         # attempts within ONE delivery, backoff between them
      backoff: exponential
      dead_letter_after: 5    # DELIVERIES that may fail before the message is parked; here 5 x 3 = 15 attempts at most
    deliver_to: { integration: payment, operation: create_payment }   # or a service path
`

/** What the design leaves open: where the provider is, who may call it, and where alerts go. Times are short, that a test need not wait. */
const hereYaml = (provider: string, alerts: string): string => `
integrations:
  payment:
    criticality: high
    base_url: ${provider}
    auth: { type: bearer, token: sk_test_design }
    rate_limit: 100/min
    timeout: 400ms
    retry: { base_delay: 10ms, max_delay: 40ms }
    reconcile: { base_delay: 100ms, max_delay: 300ms }
alerts:
  default: { type: webhook, url: "${alerts}" }
routing_rules:
  - { path: /api/payments, methods: [POST], integration: payment.create_payment }
`

export interface DesignGateway extends RunningGateway {
  /** Stops it and removes its files. */
  end(): Promise<void>
}

/** A gateway in a process of its own, with the design as its base and what is different here as a layer over it. */
export async function startDesignGateway(provider: string, alerts: string): Promise<DesignGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-design-'))
  await writeFile(join(folder, 'base.yaml'), designYaml)
  await writeFile(join(folder, 'here.yaml'), hereYaml(provider, alerts))
  const gateway = await runGateway(['-c', 'base.yaml', '-c', 'here.yaml'], { cwd: folder })
  return {
    ...gateway,
    end: async () => {
      await gateway.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
