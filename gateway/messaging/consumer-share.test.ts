import fc from 'fast-check'
import { expect, test } from 'vitest'
import { consumerShare } from './consumer-share.ts'

const shares = (prefetch: number, concurrency: number, count: number, ordered = false) =>
  Array.from({ length: count }, (_, index) =>
    consumerShare({ prefetch, concurrency, ...(ordered ? { orderBy: { header: 'account' } } : {}) }, { index, count }),
  )

test('processes divide the limits, the first ones take what is left over', () => {
  expect(shares(10, 5, 4)).toEqual([
    { prefetch: 3, concurrency: 2 },
    { prefetch: 3, concurrency: 1 },
    { prefetch: 2, concurrency: 1 },
    { prefetch: 2, concurrency: 1 },
  ])
})

test('where there are more processes than messages at the same time, the first ones do the work', () => {
  expect(shares(10, 2, 3)).toEqual([
    { prefetch: 5, concurrency: 1 },
    { prefetch: 5, concurrency: 1 },
    { prefetch: 0, concurrency: 0 },
  ])
})

test('an order is kept by one process alone', () => {
  expect(shares(10, 5, 3, true)).toEqual([
    { prefetch: 10, concurrency: 5 },
    { prefetch: 0, concurrency: 0 },
    { prefetch: 0, concurrency: 0 },
  ])
})

test('the shares of all processes are the limits, and whoever holds deliveries can handle them', () => {
  const number = fc.integer({ min: 1, max: 1000 })
  fc.assert(
    fc.property(number, number, fc.integer({ min: 1, max: 64 }), (prefetch, concurrency, count) => {
      const all = shares(prefetch, concurrency, count)
      expect(all.reduce((sum, share) => sum + share.prefetch, 0)).toBe(prefetch)
      expect(all.reduce((sum, share) => sum + share.concurrency, 0)).toBe(concurrency)
      for (const share of all) expect(share.prefetch === 0).toBe(share.concurrency === 0)
    }),
  )
})
