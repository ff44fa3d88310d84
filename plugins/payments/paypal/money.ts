import type { Json } from '../../../gateway/plugin.ts'
import { amountOf, decimalText, isoDigits, rescaled } from '../currency.ts'
import { wrongInput } from '../failure.ts'
import { textAt } from '../json.ts'

/** Where PayPal takes fewer decimals than ISO 4217 has. Source: developer.paypal.com/api/rest/reference/currency-codes. */
const digitsAtPaypal: Readonly<Record<string, number>> = { huf: 0, twd: 0 }

/** @throws {ProviderFailure} for an amount that PayPal cannot express: half a forint. */
export function moneyOf(amount: number, currency: string): Json {
  const digits = digitsAtPaypal[currency] ?? isoDigits(currency)
  const whole = rescaled(amount, isoDigits(currency), digits)
  if (whole === undefined) throw wrongInput(`PayPal takes no fractions of ${currency}`)
  return { currency_code: currency.toUpperCase(), value: decimalText(whole, digits) }
}

export interface Money {
  readonly amount: number
  readonly currency: string
}

/** `{ currency_code, value }` read; undefined where it is none. */
export function moneyIn(money: Json | undefined): Money | undefined {
  const currency = textAt(money, 'currency_code')?.toLowerCase()
  const value = textAt(money, 'value')
  if (currency === undefined || value === undefined) return undefined
  const amount = amountOf(value, isoDigits(currency))
  return amount === undefined ? undefined : { amount, currency }
}
