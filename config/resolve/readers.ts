import { address } from '../values/address.ts'
import { age, durationOrNever, durationOrZero, timerDuration } from '../values/duration.ts'
import { dnsName } from '../values/host.ts'
import { kafkaUrl } from '../values/kafka-url.ts'
import { pathPattern } from '../values/path.ts'
import { percent } from '../values/percent.ts'
import type { Parsed } from '../values/parsed.ts'
import { rate } from '../values/rate.ts'
import { size, sizeOrNever } from '../values/size.ts'
import { upstreamUrl } from '../values/url.ts'

/** Reads a text that was validated before; a problem here is a fault of this program. */
const reader =
  <T>(parse: (text: string) => Parsed<T>) =>
  (text: string): T => {
    const result = parse(text)
    if (!result.ok) throw new TypeError(`validated text does not parse: ${result.message}`)
    return result.value
  }

/** The same few texts come again and again; keeps them for as long as the reader lives. */
const remembering = <T>(read: (text: string) => T): ((text: string) => T) => {
  const known = new Map<string, T>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    if (known.size > 10_000) known.clear()
    const value = read(text)
    known.set(text, value)
    return value
  }
}

/** Any of the duration formats; which one applies was decided by the schema. @returns Milliseconds. */
export const readDurationMs: (text: string) => number = remembering((text) => {
  for (const parse of [timerDuration, durationOrZero, durationOrNever, age]) {
    const result = parse(text)
    if (result.ok) return result.value
  }
  throw new TypeError(`validated duration does not parse: ${text}`)
})

/** @returns Bytes. */
export const readBytes: (text: string) => number = remembering((text) => {
  const result = size(text)
  return result.ok ? result.value : reader(sizeOrNever)(text)
})

/** @returns 0 to 100. */
export const readPercent: (text: string) => number = remembering(reader(percent))
export const readRate = reader(rate)
export const readAddress = reader(address)
export const readDnsName = reader(dnsName)
export const readKafkaServer = reader(kafkaUrl)
export const readPathPattern = reader(pathPattern)
export const readOrigin = reader(upstreamUrl)
