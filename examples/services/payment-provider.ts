import { bracketed, pageOf, wantedPayment } from './payment-requests.ts'
import { textIn, textsIn } from './bracket-form.ts'
import { paymentBook, Refused } from './payment-intents.ts'
import type { PaymentBook, PaymentIntent } from './payment-intents.ts'
import { faultPlan } from './provider-faults.ts'
import type { FaultPlan, FaultRates } from './provider-faults.ts'
import { providerServer } from './provider-server.ts'
import type { ProviderCall, ProviderReply, ProviderRules, ProviderServer } from './provider-server.ts'

export interface PaymentProvider extends ProviderServer, Pick<FaultPlan, 'script' | 'rates'> {
  /** All that were made, oldest first. */
  payments(): readonly PaymentIntent[]
  /** How often each reference was charged, captures included. @param name The metadata that holds it. */
  charges(name?: string): ReadonlyMap<string, number>
}

export interface PaymentProviderOptions {
  readonly port?: number
  readonly host?: string
  readonly faults?: FaultRates
  /** Uniform in [0, 1); makes a run reproducible. */
  readonly random?: () => number
  /** Default 300. */
  readonly slowMs?: number
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

const failure = (status: number, error: Readonly<Record<string, unknown>>): ProviderReply => ({ status, body: { error } })

/** What Stripe says by itself. Source: docs.stripe.com/error-low-level. */
const troubles: Readonly<Record<Parameters<ProviderRules['trouble']>[0], ProviderReply>> = {
  busy: failure(409, {
    type: 'idempotency_error',
    code: 'idempotency_key_in_use',
    message: 'There is currently another in-progress request using this Idempotency Key.',
  }),
  other_parameters: failure(400, {
    type: 'idempotency_error',
    message: 'Keys for idempotent requests can only be used with the same parameters they were first used with.',
  }),
  rate_limited: {
    status: 429,
    headers: { 'retry-after': '1' },
    body: { error: { type: 'invalid_request_error', code: 'rate_limit', message: 'Request rate limit exceeded.' } },
  },
  unavailable: failure(503, { type: 'api_error', message: 'The service is not available.' }),
  error: failure(500, { type: 'api_error', message: 'An unknown error occurred.' }),
}

/**
 * A stand-in for Stripe: payments, captures, refunds and cancellations with Stripe's rules for idempotency keys. An answer is kept with its key
 * once the work on it has begun, 4xx and 500 included; 429, 409, 503 and parameters that make no sense are not.
 * Source: docs.stripe.com/api/idempotent_requests.
 */
export const paymentProvider = async (options: PaymentProviderOptions = {}): Promise<PaymentProvider> => {
  const book = paymentBook(options.now ?? Date.now)
  const faults = faultPlan(options.faults ?? {}, options.random ?? Math.random)
  const rules: ProviderRules = {
    keyHeader: 'idempotency-key',
    storesErrors: true,
    digest: ({ path, body }) => `${path} ${body}`,
    refused,
    execute: (call) => {
      try {
        return { reply: { status: 200, body: structuredClone(performed(book, call)) }, stored: true }
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        return { reply: failure(error.status, error.error), stored: true }
      }
    },
    replayed: (reply) => ({ ...reply, headers: { ...reply.headers, 'idempotent-replayed': 'true' } }),
    trouble: (what) => troubles[what],
    listing: () => book.intents().map(({ id, status, amount, currency, metadata }) => ({ id, status, amount, currency, metadata })),
  }
  const { port, host, slowMs = 300 } = options
  const place = { ...(port === undefined ? {} : { port }), ...(host === undefined ? {} : { host }) }
  const server = await providerServer(rules, { name: 'payment-provider', ...place, faults, slowMs })
  return {
    ...server,
    script: faults.script,
    rates: faults.rates,
    payments: () => book.intents(),
    charges: (name = 'headgate_reference') => {
      const counts = new Map<string, number>()
      for (const { status, metadata, id } of book.intents()) {
        const reference = metadata[name] ?? id
        if (status === 'succeeded') counts.set(reference, (counts.get(reference) ?? 0) + 1)
      }
      return counts
    },
  }
}

const refused = (call: ProviderCall): ProviderReply | undefined => {
  if (!/^(?:Bearer|Basic) \S+/.test(call.headers.authorization ?? '')) {
    return failure(401, { type: 'invalid_request_error', message: 'You did not provide an API key.' })
  }
  const key = call.headers['idempotency-key']
  if (typeof key === 'string' && key.length > 255) return failure(400, { type: 'invalid_request_error', message: 'The idempotency key is too long.' })
  if (!routes.some(({ method, path }) => method === call.method && path.test(call.path))) {
    return failure(404, { type: 'invalid_request_error', message: `Unrecognized request URL (${call.method}: ${call.path}).` })
  }
  const problem = call.method === 'POST' ? bracketed(call).problem : undefined
  return problem === undefined ? undefined : failure(400, { type: 'invalid_request_error', ...problem })
}

interface Route {
  readonly method: string
  readonly path: RegExp
  readonly run: (book: PaymentBook, call: ProviderCall, id: string) => unknown
}

const expanded = (book: PaymentBook, intent: PaymentIntent, wanted: readonly string[]): object =>
  wanted.includes('latest_charge') ? { ...intent, latest_charge: book.charge(intent.latest_charge) ?? null } : intent

const amountIn = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text))

const routes: readonly Route[] = [
  { method: 'POST', path: /^\/v1\/payment_intents$/, run: (book, call) => book.create(wantedPayment(bracketed(call).form)) },
  {
    method: 'GET',
    path: /^\/v1\/payment_intents$/,
    run: (book, { query }) => {
      const bound = (name: string, open: number): number => Number(query.get(`created[${name}]`) ?? open)
      const [from, after] = [bound('gte', 0), bound('gt', -1)]
      const [to, before] = [bound('lte', Infinity), bound('lt', Infinity)]
      const customer = query.get('customer')
      const inTime = (at: number): boolean => at >= from && at > after && at <= to && at < before
      return pageOf(
        book.intents().filter((one) => inTime(one.created) && (customer === null || one.customer === customer)),
        query,
      )
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/payment_intents\/search$/,
    run: (book, { query }) => {
      const [, name, value] = /^metadata\["([^"]+)"\]:"([^"]+)"$/.exec(query.get('query') ?? '') ?? []
      if (name === undefined) throw new Refused(400, { type: 'invalid_request_error', message: 'The query could not be read.' })
      return { object: 'search_result', data: book.intents().filter(({ metadata }) => metadata[name] === value), has_more: false }
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/payment_intents\/([^/]+)$/,
    run: (book, { query }, id) => expanded(book, book.intent(id), [...query.getAll('expand[]'), ...query.getAll('expand[0]')]),
  },
  {
    method: 'POST',
    path: /^\/v1\/payment_intents\/([^/]+)\/capture$/,
    run: (book, call, id) => book.capture(id, amountIn(textIn(bracketed(call).form, 'amount_to_capture'))),
  },
  {
    method: 'POST',
    path: /^\/v1\/payment_intents\/([^/]+)\/cancel$/,
    run: (book, call, id) => book.cancel(id, textIn(bracketed(call).form, 'cancellation_reason')),
  },
  {
    method: 'POST',
    path: /^\/v1\/refunds$/,
    run: (book, call) => {
      const { form } = bracketed(call)
      const payment = textIn(form, 'payment_intent') ?? ''
      return book.refund(payment, amountIn(textIn(form, 'amount')), textIn(form, 'reason'), textsIn(form, 'metadata'))
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/refunds$/,
    run: (book, { query }) => {
      const payment = query.get('payment_intent')
      return pageOf(
        book.refunds().filter((one) => payment === null || one.payment_intent === payment),
        query,
      )
    },
  },
  { method: 'GET', path: /^\/v1\/refunds\/([^/]+)$/, run: (book, _call, id) => book.refundById(id) },
]

const performed = (book: PaymentBook, call: ProviderCall): unknown => {
  for (const { method, path, run } of routes) {
    const match = method === call.method ? path.exec(call.path) : null
    if (match !== null) return run(book, call, decodeURIComponent(match[1] ?? ''))
  }
  throw new Refused(404, { type: 'invalid_request_error', message: 'Unrecognized request URL.' })
}
