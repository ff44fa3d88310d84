import type { ServiceConfig } from '../../config/model.ts'
import type { Address } from './address.ts'
import type { Upstream } from './service.ts'

/**
 * Picks an address for an attempt, or undefined when all are full.
 * `addresses` are those in use, never empty; `slots` the same, each as often as its weight asks for.
 */
export type Balancer = (addresses: readonly Address[], slots: readonly Address[], not: Upstream | undefined) => Address | undefined

/** Above this number of addresses a full scan costs more than it gains over two random choices. */
const scanLimit = 32

export const balancer = (kind: ServiceConfig['loadBalancing'], random: () => number): Balancer => {
  if (kind === 'round_robin') return roundRobin()
  return kind === 'random' ? randomChoice(random) : leastRequests(random)
}

const roundRobin = (): Balancer => {
  let next = 0
  return (_addresses, slots, not) => {
    if (next >= slots.length) next = 0
    const from = next
    next += 1
    const address = slots[from]
    if (address === undefined || address === not || isFull(address)) return firstWithRoom(slots, from + 1, not)
    return address
  }
}

const randomChoice =
  (random: () => number): Balancer =>
  (_addresses, slots, not) => {
    const from = Math.floor(random() * slots.length)
    const address = slots[from]
    if (address === undefined || address === not || isFull(address)) return firstWithRoom(slots, from + 1, not)
    return address
  }

const leastRequests = (random: () => number): Balancer => {
  // Starting each scan at another place spreads the calls while several addresses are equally idle.
  let start = 0
  return (addresses, _slots, not) => {
    const count = addresses.length
    start = start + 1 < count ? start + 1 : 0
    if (count <= scanLimit) return leastLoaded(addresses, start, not)
    const first = Math.floor(random() * count)
    const second = (first + 1 + Math.floor(random() * (count - 1))) % count
    return lighter(candidate(addresses[first], not), candidate(addresses[second], not)) ?? firstWithRoom(addresses, first + 1, not)
  }
}

const leastLoaded = (addresses: readonly Address[], start: number, not: Upstream | undefined): Address | undefined => {
  let best: Address | undefined
  for (let index = start; index < addresses.length; index += 1) best = lighter(best, candidate(addresses[index], not))
  for (let index = 0; index < start; index += 1) best = lighter(best, candidate(addresses[index], not))
  return best ?? firstWithRoom(addresses, start, not)
}

const candidate = (address: Address | undefined, not: Upstream | undefined): Address | undefined =>
  address === undefined || address === not || isFull(address) ? undefined : address

/** The one with fewer calls per weight; the first on a tie. */
const lighter = (first: Address | undefined, second: Address | undefined): Address | undefined => {
  if (first === undefined || second === undefined) return first ?? second
  return (second.inFlight + 1) * first.weight < (first.inFlight + 1) * second.weight ? second : first
}

/** The slow path: whoever has room, the address that has just failed only when it is the last one that has. */
const firstWithRoom = (slots: readonly Address[], from: number, not: Upstream | undefined): Address | undefined => {
  let last: Address | undefined
  for (let step = 0; step < slots.length; step += 1) {
    const address = slots[(from + step) % slots.length]
    if (address === undefined || isFull(address)) continue
    if (address !== not) return address
    last = address
  }
  return last
}

const isFull = (address: Address): boolean => address.inFlight >= address.maxInFlight

/** More slots than this are never built: weights are rounded to fit. */
const maxSlots = 256

/**
 * Each address as often as its weight asks for, interleaved so that no address gets a burst (smooth weighted round robin).
 * Exact while the reduced weights add up to at most 256, rounded above; every address gets at least one slot.
 * Source: nginx, "Upstream: smooth weighted round-robin balancing" (2012).
 */
export const weightedSlots = (addresses: readonly Address[]): readonly Address[] => {
  const first = addresses[0]
  if (first === undefined || addresses.every((address) => address.weight === first.weight)) return addresses
  const weights = slotWeights(addresses.map((address) => address.weight))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const credits = weights.map(() => 0)
  return Array.from({ length: total }, () => {
    let best = 0
    for (let index = 0; index < weights.length; index += 1) {
      credits[index] = (credits[index] ?? 0) + (weights[index] ?? 0)
      if ((credits[index] ?? 0) > (credits[best] ?? 0)) best = index
    }
    credits[best] = (credits[best] ?? 0) - total
    return addresses[best] ?? first
  })
}

const slotWeights = (weights: readonly number[]): readonly number[] => {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const divisor = weights.every(Number.isInteger) ? weights.reduce(greatestCommonDivisor) : 0
  if (divisor > 0 && total / divisor <= maxSlots) return weights.map((weight) => weight / divisor)
  const scale = maxSlots / total
  return weights.map((weight) => Math.max(1, Math.round(weight * scale)))
}

const greatestCommonDivisor = (first: number, second: number): number => (second === 0 ? first : greatestCommonDivisor(second, first % second))
