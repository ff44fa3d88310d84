import { Pool } from 'undici'
import { expect, test } from 'vitest'
import { Address } from './address.ts'
import { balancer, weightedSlots } from './balancer.ts'

const addresses = (count: number, maxInFlight = 4): Address[] =>
  Array.from({ length: count }, (_, index) => {
    const authority = `10.0.0.${index}`
    return new Address({
      origin: `http://${authority}`,
      authority,
      pool: new Pool(`http://${authority}`),
      maxInFlight,
      ejectAfter: Infinity,
      onFailing: () => undefined,
    })
  })

const fill = (address: Address | undefined, calls: number): void => {
  for (let call = 0; call < calls; call += 1) address?.begin()
}

test('round robin takes the addresses in turn', () => {
  const [list, pick] = [addresses(3), balancer('round_robin', Math.random)]
  expect([1, 2, 3, 4].map(() => pick(list, list, undefined)?.authority)).toEqual(['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.0'])
})

test('round robin goes on when the list has become shorter', () => {
  const [list, pick] = [addresses(3), balancer('round_robin', Math.random)]
  for (let call = 0; call < 3; call += 1) pick(list, list, undefined)
  const shorter = list.slice(0, 1)
  expect(pick(shorter, shorter, undefined)).toBe(list[0])
})

for (const kind of ['round_robin', 'random', 'least_requests'] as const) {
  test(`${kind} avoids the address that has just failed, unless it is the only one`, () => {
    const [list, pick] = [addresses(3), balancer(kind, () => 0.5)]
    for (let call = 0; call < 20; call += 1) expect(pick(list, list, list[1])).not.toBe(list[1])
    const one = list.slice(1, 2)
    expect(pick(one, one, list[1])).toBe(list[1])
  })

  test(`${kind} passes over full addresses and finds none when all are full`, () => {
    const [list, pick] = [addresses(3), balancer(kind, () => 0)]
    fill(list[0], 4)
    fill(list[1], 4)
    for (let call = 0; call < 5; call += 1) expect(pick(list, list, undefined)).toBe(list[2])
    expect(pick(list, list, list[2])).toBe(list[2])
    fill(list[2], 4)
    expect(pick(list, list, undefined)).toBeUndefined()
  })

  test(`${kind} reaches every one of 40 addresses`, () => {
    let seed = 1
    const random = (): number => {
      seed = (seed * 48271) % 2147483647
      return seed / 2147483647
    }
    const [list, pick] = [addresses(40), balancer(kind, random)]
    expect(new Set(Array.from({ length: 2_000 }, () => pick(list, list, undefined))).size).toBe(40)
  })
}

test('least requests takes the address with the fewest calls in flight', () => {
  const [list, pick] = [addresses(3), balancer('least_requests', Math.random)]
  fill(list[0], 2)
  fill(list[1], 1)
  fill(list[2], 3)
  for (let call = 0; call < 4; call += 1) expect(pick(list, list, undefined)).toBe(list[1])
})

test('least requests spreads the calls while all are equally idle', () => {
  const [list, pick] = [addresses(3), balancer('least_requests', Math.random)]
  expect(new Set([1, 2, 3].map(() => pick(list, list, undefined))).size).toBe(3)
})

test('least requests above 32 addresses takes the better of two chosen by chance', () => {
  const list = addresses(40)
  fill(list[0], 3)
  expect(balancer('least_requests', () => 0)(list, list, undefined)).toBe(list[1])
})

test('weights become slots in exact proportion, interleaved', () => {
  const list = addresses(3)
  for (const [index, weight] of [50, 10, 10].entries()) Object.assign(list[index] ?? {}, { weight })
  expect(weightedSlots(list).map((address) => list.indexOf(address))).toEqual([0, 0, 1, 0, 2, 0, 0])
})

test('equal weights need no slots of their own', () => {
  const list = addresses(3)
  expect(weightedSlots(list)).toBe(list)
})

test('extreme weights are rounded: few slots, and one at least for everybody', () => {
  const list = addresses(3)
  for (const [index, weight] of [65_535, 1, 1 / 3].entries()) Object.assign(list[index] ?? {}, { weight })
  const slots = weightedSlots(list)
  expect(slots.length).toBeLessThanOrEqual(258)
  expect(new Set(slots).size).toBe(3)
})
