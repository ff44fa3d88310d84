import { isoDigits, rescaled } from '../currency.ts'

/** Where Stripe counts in other units than ISO 4217. Source: docs.stripe.com/currencies, "Special cases". */
const digitsAtStripe: Readonly<Record<string, number>> = { isk: 2, ugx: 2, mga: 0 }

const stripeDigits = (currency: string): number => digitsAtStripe[currency] ?? isoDigits(currency)

/** @returns Undefined for an amount that Stripe cannot express: half an ariary. */
export const toStripe = (amount: number, currency: string): number | undefined => rescaled(amount, isoDigits(currency), stripeDigits(currency))

/** Never undefined for an amount that `toStripe` gave. */
export const fromStripe = (amount: number, currency: string): number | undefined => rescaled(amount, stripeDigits(currency), isoDigits(currency))
