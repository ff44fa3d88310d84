import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { amountOf, decimalText, isoDigits, rescaled } from './currency.ts'

describe('amounts of money', () => {
  test.each([
    ['usd', 2],
    ['jpy', 0],
    ['isk', 0],
    ['kwd', 3],
    ['huf', 2],
  ])('%s has %i digits', (currency, digits) => expect(isoDigits(currency)).toBe(digits))

  test.each([
    [1050, 2, '10.50'],
    [5, 2, '0.05'],
    [7, 3, '0.007'],
    [500, 0, '500'],
  ])('%i with %i digits is written %s', (amount, digits, text) => expect(decimalText(amount, digits)).toBe(text))

  test.each([
    ['10.505', 2, undefined],
    ['10.500', 2, 1050],
    ['10', 2, 1000],
    ['-1.00', 2, undefined],
    ['1e3', 2, undefined],
    ['.50', 2, undefined],
    ['999999999999999.99', 2, undefined],
  ])('%s with %i digits is read as %s', (text, digits, amount) => expect(amountOf(text, digits)).toBe(amount))

  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), fc.integer({ min: 0, max: 4 }), (amount, digits) => {
        expect(amountOf(decimalText(amount, digits), digits)).toBe(amount)
      }),
    )
  })

  test('a fraction that the other unit cannot hold is none', () => {
    expect([rescaled(500, 0, 2), rescaled(50000, 2, 0), rescaled(50050, 2, 0)]).toEqual([50000, 500, undefined])
  })
})
