import { formTree, textIn, textsIn } from './bracket-form.ts'
import type { FormTree } from './bracket-form.ts'
import type { NewPayment } from './payment-intents.ts'
import type { ProviderCall } from './provider-server.ts'

interface Problem {
  readonly code: string
  readonly param: string
  readonly message: string
}

const known: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /^\/v1\/payment_intents$/,
    [
      'amount',
      'currency',
      'capture_method',
      'automatic_payment_methods',
      'payment_method_types',
      'confirm',
      'payment_method',
      'customer',
      'description',
      'metadata',
      'return_url',
      'expand',
    ],
  ],
  [/\/capture$/, ['amount_to_capture', 'metadata', 'expand']],
  [/\/cancel$/, ['cancellation_reason', 'expand']],
  [/^\/v1\/refunds$/, ['payment_intent', 'amount', 'reason', 'metadata', 'expand']],
]

const positive = (text: string | undefined): boolean => text !== undefined && /^[1-9]\d{0,11}$/.test(text)

/** The form of a call, and what is wrong with it before any work begins. */
export const bracketed = (call: ProviderCall): { readonly form: FormTree; readonly problem: Problem | undefined } => {
  const form = formTree(new URLSearchParams(call.body))
  return { form, problem: problemOf(call.path, form) }
}

const problemOf = (path: string, form: FormTree): Problem | undefined => {
  const names = known.find(([pattern]) => pattern.test(path))?.[1] ?? []
  const unknown = Object.keys(form).find((name) => !names.includes(name))
  if (unknown !== undefined) return { code: 'parameter_unknown', param: unknown, message: `Received unknown parameter: ${unknown}` }
  for (const name of ['amount', 'amount_to_capture']) {
    if (name in form && !positive(textIn(form, name))) return { code: 'parameter_invalid_integer', param: name, message: `Invalid integer: ${name}` }
  }
  const required = path === '/v1/payment_intents' ? ['amount', 'currency'] : path === '/v1/refunds' ? ['payment_intent'] : []
  const missing = required.find((name) => textIn(form, name) === undefined)
  return missing === undefined ? undefined : { code: 'parameter_missing', param: missing, message: `Missing required param: ${missing}.` }
}

export const wantedPayment = (form: FormTree): NewPayment => ({
  amount: Number(textIn(form, 'amount')),
  currency: textIn(form, 'currency') ?? '',
  capture: textIn(form, 'capture_method') === 'manual' ? 'manual' : 'automatic',
  confirm: textIn(form, 'confirm') === 'true',
  method: textIn(form, 'payment_method'),
  customer: textIn(form, 'customer'),
  description: textIn(form, 'description'),
  returnUrl: textIn(form, 'return_url'),
  metadata: textsIn(form, 'metadata'),
})

/** Newest first, from behind `starting_after` on, as Stripe's lists are. */
export const pageOf = (items: readonly { readonly id: string }[], query: URLSearchParams): object => {
  const newest = items.toReversed()
  const limit = Math.min(Number(query.get('limit') ?? 10), 100)
  const after = query.get('starting_after')
  const start = after === null ? 0 : newest.findIndex(({ id }) => id === after) + 1
  return { object: 'list', data: newest.slice(start, start + limit), has_more: newest.length > start + limit }
}
