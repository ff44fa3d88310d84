import { ProviderFailure } from '../../../gateway/plugin.ts'
import type { FailureKind, Json, Lookup, OperationCall } from '../../../gateway/plugin.ts'
import { refusal } from '../failure.ts'
import { at, integerAt, listAt, textAt } from '../json.ts'
import { paymentJson, refundJson } from '../payment.ts'
import type { StripeClient } from './client.ts'
import { toStripe } from './money.ts'
import { isDeclined, keyName, paymentOf, refundOf } from './payment-intent.ts'

const pageSize = 100
/** Of one span of time; beyond these nothing can be said of it. */
const maxPages = 20
/** How far the clocks may be apart. */
const skewS = 300
/** Seconds after the first attempt up to which each span reaches. Nearly all payments are found in the first one, which no account fills. */
const spanEndsS = [1, 4, 12]
/** A request may still be on its way, or be worked on by Stripe: what is not there earlier may still come. */
const settledAfterMs = 90_000
/** What a search does not find by then is not there. */
const searchableAfterMs = 2 * 3_600_000

/** As long as Stripe knows a key it gives the same payment again; a little less, for clocks that differ. */
const sameKeyS = 23 * 3600

type Found = (call: OperationCall) => Promise<Lookup>

/**
 * Asks Stripe what became of an intent. Lists are complete at once, unlike searches, which lag behind by up to a minute; they cannot be
 * filtered by metadata, so that the payments since the first attempt are read page by page.
 */
export const stripeLookups = (
  stripe: StripeClient,
  now: () => number,
): { readonly created: Found; readonly captured: Found; readonly refunded: Found; readonly released: Found } => {
  const isSettled = (call: OperationCall): boolean => now() - call.firstAttemptAtMs >= settledAfterMs
  const nothingYet = (call: OperationCall): Lookup => ({ found: isSettled(call) ? 'absent' : 'unknown' })

  const marked = async (call: OperationCall, path: string, query: Query): Promise<Marked> => {
    let after: string | undefined
    for (let page = 0; page < maxPages; page += 1) {
      const answer = await stripe.get(path, { ...query, limit: pageSize, starting_after: after }, call.signal)
      const items = listAt(answer, 'data')
      const found = items.find((item) => isMarked(call, item))
      if (found !== undefined) return { found, all: true }
      after = textAt(items.at(-1), 'id')
      if (at(answer, 'has_more') !== true || after === undefined) return { found: undefined, all: true }
    }
    return { found: undefined, all: false }
  }

  /**
   * A busy account has thousands of payments since the first attempt, and the list begins with the newest: the seconds around the attempt are
   * looked through first, the rest only once the intent is old enough for an answer that it is not there.
   */
  const markedPayment = async (call: OperationCall): Promise<Marked> => {
    const firstS = Math.floor(call.firstAttemptAtMs / 1000)
    let from = firstS - 1
    const near = spanEndsS.map((endS) => {
      const span = { 'created[gte]': from, 'created[lte]': firstS + endS }
      from = firstS + endS + 1
      return span
    })
    const rest = [{ 'created[gte]': from }, { 'created[gte]': firstS - skewS, 'created[lt]': firstS - 1 }]
    let all = true
    for (const span of isSettled(call) ? [...near, ...rest] : near) {
      const looked = await marked(call, '/v1/payment_intents', { ...span, customer: textAt(call.input, 'customer') })
      if (looked.found !== undefined) return looked
      all &&= looked.all
    }
    return { found: undefined, all }
  }

  /** Searches lag behind, as a rule by less than a minute, in times of trouble by up to an hour (docs.stripe.com/search). */
  const searched = async (call: OperationCall): Promise<Marked> => {
    const query = `metadata[${JSON.stringify(keyName)}]:${JSON.stringify(call.key)}`
    const answer = await stripe.get('/v1/payment_intents/search', { query }, call.signal)
    const found = listAt(answer, 'data').find((item) => isMarked(call, item))
    return { found, all: now() - call.firstAttemptAtMs >= searchableAfterMs }
  }

  /** A search is one request where lists are many, and each may fail; only lists can tell early that nothing is there. */
  const lookedFor = async (call: OperationCall): Promise<Marked> => {
    const search = isSettled(call) ? await searched(call).catch(unsearchable) : undefined
    return search === undefined || (search.found === undefined && !search.all) ? markedPayment(call) : search
  }

  const created: Found = async (call) => {
    const { found, all } = await lookedFor(call)
    if (found === undefined) return all ? nothingYet(call) : { found: 'unknown' }
    if (!isAskedFor(call, found)) return { found: 'unknown' }
    if (isDeclined(found)) return { found: 'failed', failure: refusal('The payment was declined', declineOf(found)) }
    const confirmed = textAt(call.input, 'payment_method') !== undefined
    const halfDone = ['requires_confirmation', 'requires_payment_method'].includes(textAt(found, 'status') ?? '')
    return confirmed && halfDone ? { found: 'unknown' } : { found: 'done', output: paymentJson(paymentOf(found)) }
  }

  const refunded: Found = async (call) => {
    const { found, all } = await marked(call, '/v1/refunds', { payment_intent: textAt(call.input, 'payment') })
    if (found === undefined) return all ? nothingYet(call) : { found: 'unknown' }
    const refund = refundOf(found)
    if (refund.status === 'succeeded' || refund.status === 'processing') return { found: 'done', output: refundJson(refund) }
    return { found: 'failed', failure: refusal('Stripe could not refund the payment', `refund_${refund.status}`) }
  }

  const intent = (call: OperationCall): Promise<Json> => stripe.intent(textAt(call.input, 'payment') ?? '', call.signal)

  const captured: Found = async (call) => {
    const payment = paymentOf(await intent(call))
    if (payment.status === 'succeeded') return { found: 'done', output: paymentJson(payment) }
    if (payment.status === 'canceled') return { found: 'failed', failure: refusal('The payment was given up before', 'canceled') }
    return payment.status === 'requires_capture' ? nothingYet(call) : { found: 'unknown' }
  }

  const released: Found = async (call) => {
    const found = await intent(call)
    const payment = paymentOf(found)
    if (payment.status === 'canceled') return { found: 'done', output: paymentJson(payment) }
    if (payment.status !== 'succeeded') return nothingYet(call)
    if (at(call.input, 'refund_if_captured') !== true) return { found: 'failed', failure: refusal('The payment was captured before', 'captured') }
    const whole = at(found, 'latest_charge', 'refunded') === true
    return whole ? { found: 'done', output: paymentJson(payment) } : nothingYet(call)
  }

  return { created, captured, refunded, released }
}

interface Marked {
  /** What carries the key of the intent. */
  readonly found: Json | undefined
  /** Whether the whole list was read, so that what was not found is not there. */
  readonly all: boolean
}

type Query = Readonly<Record<string, string | number | undefined>>

/** A key that its caller uses again once it is forgotten gives the same mark: what is that much older was made for another intent. */
function isMarked(call: OperationCall, item: Json): boolean {
  const createdS = integerAt(item, 'created')
  const isOlder = createdS !== undefined && createdS < Math.floor(call.firstAttemptAtMs / 1000) - sameKeyS
  return !isOlder && textAt(item, 'metadata', keyName) === call.key
}

/** Another amount under the same key was asked for by somebody else. */
function isAskedFor(call: OperationCall, found: Json): boolean {
  const currency = textAt(call.input, 'currency') ?? ''
  return textAt(found, 'currency') === currency && integerAt(found, 'amount') === toStripe(integerAt(call.input, 'amount') ?? 0, currency)
}

const declineOf = (intent: Json): string => textAt(intent, 'last_payment_error', 'code') ?? 'card_declined'

/** Some accounts have no search (docs.stripe.com/search: India). */
function unsearchable(error: unknown): undefined {
  if (error instanceof ProviderFailure && unsearchableKinds.has(error.kind)) return undefined
  throw error
}

const unsearchableKinds: ReadonlySet<FailureKind> = new Set<FailureKind>(['invalid_request', 'not_found', 'unauthorized', 'rejected'])
