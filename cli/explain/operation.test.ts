import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { load, type LoadResult } from '../../config/load.ts'
import { testAdapters } from '../../test/kit/adapters.ts'
import type { TextStream } from '../io.ts'
import { explanationData } from './data.ts'
import { type Explanation, explanation } from './explanation.ts'
import { describedRequest } from './request.ts'
import { explanationText } from './text.ts'

const yaml = `integrations:
  payment:
    plugin: stripe
    auth: { type: bearer, token: "\${secret:api_keys#stripe}" }
    timeout: 10s
    operations:
      create_payment: { compensation: refund, failure_modes: { declined: { when: { kind: rejected, code: card_declined }, then: notify, alert: desk, tell: "Card declined" } } }
    failure_modes:
      service_down: { when: [{ status: 503 }, circuit_open], then: queue, delay: 1m, tell: "Processing payment..." }
      network_timeout: { when: timeout, then: idempotent_retry, tell: { en: "Verifying payment...", de: "Wird geprüft ..." } }
      broken: { when: { status: 5xx }, then: manual_review }
alerts: { desk: { type: log } }
secrets: { api_keys: { path: keys } }
queues: { payment.process: {} }
consumers:
  payments: { queue: payment.process, deliver_to: { integration: payment.create_payment } }
routing_rules:
  - { path: /pay, methods: [POST], integration: payment.create_payment, deadline: 20s }
  - { path: /later, methods: [POST], queue: payment.process }
`

const plain: TextStream = { write: () => undefined, style: (_, text) => text, columns: 80 }
let folder = ''
let result: LoadResult

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-explain-'))
  await writeFile(join(folder, 'gateway.yaml'), yaml)
  result = await load({ paths: ['gateway.yaml'], env: {}, cwd: folder, adapters: testAdapters })
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const explained = (path: string): Explanation => {
  if (result.config === undefined) throw new Error(JSON.stringify(result.diagnostics))
  return explanation(result.config, result, describedRequest('POST', path, []))
}

test('a rule with an operation shows its provider, each failure with what is done and told, and how long a caller may wait', () => {
  const text = explanationText(explained('/pay'), plain)
  expect(text).toContain('target  operation payment.create_payment\n')
  expect(text).not.toContain('sent upstream')
  expect(text).toContain('Operation payment.create_payment by stripe  gateway.yaml:7:23\n')
  expect(text).toContain('wait   20s (the deadline; without it 30.6s: 3 attempts and the longest backoffs between them)\n')
  expect(text).toMatch(/declined +rejected with code card_declined +fails, and desk is told +422 "Card declined" +gateway\.yaml:7:\d+\n/)
  expect(text).toMatch(
    /service_down +status 503 or circuit_open +waits in queue payment\.process, at least 1m +202 "Processing payment\.\.\." +gateway\.yaml:9:\d+\n/,
  )
  expect(text).toMatch(/network_timeout +timeout +is repeated with its key, and asked after at the provider +202 "Verifying payment\.\.\."/)
  expect(text).toMatch(/broken +status 5xx +waits for a person, with an alert to the default channel +202 /)
  expect(text).toMatch(/timeout +10s +gateway\.yaml:5:\d+\n/)
  expect(text).toMatch(/idempotency +required +default\n/)
  expect(text).toMatch(/idempotency\.required +true +default\n/)
  expect(text).toMatch(/base_url +https:\/\/api\.stripe\.com +default\n/)
})

test('a consumer that delivers to an operation shows it too', () => {
  const text = explanationText(explained('/later'), plain)
  expect(text).toContain('Consumer payments delivers to operation payment.create_payment')
  expect(text).toContain('Failures of payment.create_payment\n')
  expect(text).not.toContain('Worst case of payment.create_payment')
})

test('the same for machines', () => {
  expect(explanationData(explained('/pay'))).toMatchObject({
    target: { type: 'operation', integration: 'payment', operation: 'create_payment' },
    forwardedTo: null,
    operation: {
      name: 'payment.create_payment',
      provider: 'stripe',
      failureModes: [{ name: 'declined' }, { name: 'service_down', does: 'waits in queue payment.process, at least 1m' }, {}, {}],
      worstCase: { attempts: 3, repeatable: true, waitMs: 30_600 },
    },
  })
  expect(explanationData(explained('/later'))).toMatchObject({
    operation: null,
    queues: [{ consumers: [{ operation: { name: 'payment.create_payment' } }] }],
  })
})
