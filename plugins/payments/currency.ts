/** Digits behind the decimal point where they are not two. Source: ISO 4217, list one. */
const digitsByCurrency: Readonly<Record<string, number>> = {
  ...Object.fromEntries('bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf'.split(' ').map((currency) => [currency, 0])),
  ...Object.fromEntries('bhd iqd jod kwd lyd omr tnd'.split(' ').map((currency) => [currency, 3])),
}

/** @param currency ISO 4217, lower case. */
export const isoDigits = (currency: string): number => digitsByCurrency[currency] ?? 2

/**
 * An amount in units of another size: `rescaled(500, 0, 2)` is 50000.
 * @returns Undefined where it would not be a whole number of them.
 */
export function rescaled(amount: number, fromDigits: number, toDigits: number): number | undefined {
  if (toDigits >= fromDigits) {
    const grown = amount * 10 ** (toDigits - fromDigits)
    return Number.isSafeInteger(grown) ? grown : undefined
  }
  const unit = 10 ** (fromDigits - toDigits)
  return amount % unit === 0 ? amount / unit : undefined
}

/** `decimalText(1050, 2)` is `10.50`; without floating point, so that nothing is rounded. */
export function decimalText(amount: number, digits: number): string {
  const text = String(amount).padStart(digits + 1, '0')
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`
}

/** @returns `10.5` with two digits is 1050; undefined where the text is no decimal number, or has more digits that count. */
export function amountOf(text: string, digits: number): number | undefined {
  const parts = /^(\d{1,15})(?:\.(\d{1,10}))?$/.exec(text)
  if (parts === null) return undefined
  const fraction = (parts[2] ?? '').replace(/0+$/, '')
  if (fraction.length > digits) return undefined
  const amount = Number(`${parts[1]}${fraction.padEnd(digits, '0')}`)
  return Number.isSafeInteger(amount) ? amount : undefined
}
