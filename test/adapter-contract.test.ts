import { afterAll, describe, expect, test } from 'vitest'
import { type Adapter, interfaceVersion, type Json, ProviderFailure } from '../gateway/plugin.ts'
import { describeAdapter, type DescribeAdapterOptions, type TestRunner } from '../gateway/testing/testing.ts'
import { adapter as sendgrid } from '../plugins/email/sendgrid/sendgrid.ts'
import { adapter as ses } from '../plugins/email/ses/ses.ts'
import { adapter as http } from '../plugins/generic/http/http.ts'
import { adapter as paypal } from '../plugins/payments/paypal/paypal.ts'
import { adapter as stripe } from '../plugins/payments/stripe/stripe.ts'
import { startBookings } from './kit/stand-ins/bookings.ts'
import { startPaypal } from './kit/stand-ins/paypal.ts'
import { startSendgrid } from './kit/stand-ins/sendgrid.ts'
import { startSesProvider } from './kit/stand-ins/ses.ts'
import { startStripe } from './kit/stand-ins/stripe.ts'
import { startUpstream } from './kit/upstream.ts'

const runner: TestRunner = { describe, test, after: afterAll }
const idOf = (output: Json): string => (output as { readonly id: string }).id
const at = ({ url, close }: { readonly url: string; close(): Promise<void> }, path = '') => ({ baseUrl: `${url}${path}`, close })

const charge = { amount: 1050, currency: 'eur', payment_method: 'pm_card_visa' }
const mail = { to: ['ada@example.com'], subject: 'Hello', text: 'How are you?' }

type Call = (operation: string, input: Json) => Promise<Json>
const paid = async (call: Call, more: object = {}): Promise<string> => idOf(await call('create_payment', { ...charge, ...more }))

const payments: DescribeAdapterOptions['examples'] = {
  create_payment: charge,
  capture_payment: async (call) => ({ payment: await paid(call, { capture: 'manual' }) }),
  refund: async (call) => ({ payment: await paid(call) }),
  release_authorization: async (call) => ({ payment: await paid(call, { capture: 'manual' }) }),
  get_payment: async (call) => ({ payment: await paid(call) }),
}

describeAdapter(
  stripe,
  {
    start: async () => at(await startStripe()),
    auth: { type: 'bearer', token: '${secret:stripe#key}' },
    secrets: { 'stripe#key': 'sk_test_verysecret', 'stripe#webhook': 'whsec_verysecret' },
    settings: { webhook_secret: '${secret:stripe#webhook}' },
    examples: payments,
  },
  runner,
)

describeAdapter(
  sendgrid,
  {
    start: async () => at(await startSendgrid({ apiKey: 'SG.verysecret', templates: { 'd-1': { name: 'One', subject: 'One', html: '1' } } }), '/v3'),
    auth: { type: 'bearer', token: 'SG.verysecret' },
    settings: { from: { email: 'shop@example.com' } },
    examples: { send: mail, send_bulk: mail, get_template: { id: 'd-1' } },
  },
  runner,
)

describeAdapter(
  ses,
  {
    start: async () =>
      at(await startSesProvider({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'verysecretkey', region: 'eu-central-1', templates: ['welcome'] })),
    auth: { type: 'aws', access_key_id: 'AKIDEXAMPLE', secret_access_key: '${secret:aws#key}', region: 'eu-central-1' },
    secrets: { 'aws#key': 'verysecretkey' },
    settings: { from: { email: 'shop@example.com' } },
    examples: { send: mail, send_bulk: mail, get_template: { id: 'welcome' } },
  },
  runner,
)

describeAdapter(
  paypal,
  {
    start: async () => at(await startPaypal()),
    auth: { type: 'oauth2', client_id: 'client', client_secret: 'secret' },
    examples: payments,
  },
  runner,
)

describeAdapter(
  http,
  {
    start: async () => at(await startBookings()),
    operations: {
      book: {
        method: 'POST',
        path: '/bookings',
        idempotency_header: 'Booking-Key',
        body: { reference: '{{ key }}', seats: '{{ input.seats }}' },
        output: '{{ body.booking }}',
        undo: { cancel: { booking: '{{ output.id }}' } },
      },
      cancel: { method: 'DELETE', path: '/bookings/{{ input.booking }}', success: [200, 404] },
    },
    examples: { book: { seats: 2 }, cancel: { booking: 'none' } },
  },
  runner,
)

/** Registers nothing; runs the tests one after the other and gives the names of those that fail. */
const failing = async (adapter: Adapter, options: DescribeAdapterOptions): Promise<readonly string[]> => {
  const tests: { readonly name: string; run(): Promise<void> }[] = []
  const ends: (() => Promise<void>)[] = []
  describeAdapter(adapter, options, {
    describe: (_name, body) => body(),
    test: (name, run) => tests.push({ name, run }),
    after: (body) => ends.push(body),
  })
  const failed: string[] = []
  for (const { name, run } of tests) await run().catch(() => failed.push(name))
  for (const end of ends) await end()
  return failed
}

describe('the suite', () => {
  const schema = { type: 'object' }
  const charges = { summary: 'Charges', input: schema, output: schema, idempotency: 'key', duplicates: 'harmful' } as const
  /** Believes everything, and tells everything. */
  const careless = (run: (request: (signal: AbortSignal) => Promise<number>, signal: AbortSignal) => Promise<Json>): Adapter => ({
    interface: interfaceVersion,
    type: 'careless',
    capability: 'payments',
    summary: 'Careless',
    auth: ['bearer'],
    settings: { type: 'object' },
    operations: { charge: { ...charges, undo: { charge: () => 'not an object' } }, forgotten: charges },
    webhook: { summary: 'Anything', events: {} },
    create: ({ http: provider, baseUrl }) => ({
      operations: {
        charge: {
          run: ({ signal }) => run(async (given) => (await provider.request({ method: 'POST', path: '/', json: {}, signal: given })).status, signal),
        },
      },
      probe: () => fetch(`${baseUrl}/`, { method: 'PUT' }).then((answer) => (answer.ok ? undefined : Promise.reject(new Error('away')))),
      webhook: () => Promise.resolve([]),
    }),
  })
  const options = (status: number): DescribeAdapterOptions => ({
    start: async () => at(await startUpstream((_req, res) => void res.writeHead(status).end('{}'))),
    auth: { type: 'bearer', token: 'sk_verysecret' },
    examples: { charge: {} },
  })

  test('finds what a careless adapter gets wrong', async () => {
    const adapter = careless(async (request, signal) => {
      // Deaf to the end of its attempt, and every failure is the same to it.
      const status = await request(signal.aborted ? signal : new AbortController().signal)
      if (status >= 400) throw new ProviderFailure('provider_error', `failed with sk_verysecret`, { executed: 'yes' })
      return { status: 'charged' }
    })
    expect(await failing(adapter, options(200))).toEqual([
      'declares what the gateway has to know',
      'has handlers for its operations, and no others',
      'has an example for every operation',
      'refuses a webhook that proves nothing',
      'makes inputs for what undoes it',
      '429 with Retry-After is `rate_limited`, not executed, and says how long to wait',
      '503 is `service_down`, not executed',
      '500 is `provider_error`, and may have been executed',
      '400 will not pass by itself, and was not executed',
      '401 is `unauthorized`, not executed',
      'an attempt that is given up ends at once as `timeout`, and may have been executed',
      'a repetition carries the key of its intent, and another intent another one',
    ])
  })

  test('finds errors of other kinds, lost answers that are taken for failures, and outputs that do not fit', async () => {
    const adapter = careless(async (request, signal) => {
      const status = await request(signal).catch(() => 0)
      if (status !== 200) throw new Error('failed')
      return 'not an object'
    })
    const failed = await failing(adapter, options(200))
    expect(failed).toContain('takes its example, and gives what it promises')
    expect(failed).toContain('an answer that is lost is `network_error`, and may have been executed')
  })

  test('finds a probe that fails', async () => {
    expect(
      await failing(
        careless(async () => ({})),
        options(500),
      ),
    ).toContain('can be probed')
  })
})
