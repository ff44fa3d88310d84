import type { TopologyDifference } from '../broker.ts'
import { replyCode, replyCodes, textOf } from './failure.ts'
import type { Argument, Shape } from './shapes.ts'

/** What the broker finds different, and the shape with that one property as it is. */
export interface Mismatch {
  readonly property: string
  readonly declared: string
  readonly actual: string
  /** To ask for the next difference; undefined where asking further makes no sense. */
  readonly next: Shape | undefined
}

/** Properties that decide which others there are: behind them everything differs. */
const decisive = new Set(['x-queue-type', 'durable', 'type', 'exclusive'])

/**
 * Reads a refused declaration. The broker names one property at a time:
 * `inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '5' of type 'signedint'`.
 * @returns undefined when the refusal is about something else.
 */
export function mismatchOf(error: unknown, shape: Shape): Mismatch | undefined {
  const code = replyCode(error)
  if (code === replyCodes.resourceLocked) return { property: 'exclusive', declared: 'false', actual: 'true', next: undefined }
  if (code !== replyCodes.preconditionFailed) return undefined
  const found = /inequivalent arg '([^']+)' for (?:queue|exchange) '.*' in vhost '.*': received (.*?) but current is ([^"]*)/.exec(textOf(error))
  const [, property, declared, actual] = found ?? []
  if (property === undefined || declared === undefined || actual === undefined)
    return { property: 'declaration', declared: 'as configured', actual: 'refused by the broker', next: undefined }
  const next = decisive.has(property) ? undefined : withProperty(shape, property, actual)
  return { property, declared: valueIn(declared), actual: valueIn(actual), next }
}

export const differenceOf = (queue: string, { kind, name }: Shape, { property, declared, actual }: Mismatch): TopologyDifference => ({
  queue,
  object: `${kind} ${name}`,
  property,
  declared,
  actual,
})

function withProperty(shape: Shape, property: string, actual: string): Shape {
  const { [property]: declared, ...others } = shape.properties
  const value = valueIn(actual)
  if (value === 'none') return { ...shape, properties: others }
  const isNumber = typeof declared === 'number' || /of type '(?:unsigned|signed)?(?:byte|short|int|long)'/.test(actual)
  return { ...shape, properties: { ...others, [property]: typed(value, isNumber) } }
}

function typed(value: string, isNumber: boolean): Argument {
  if (isNumber) return Number(value)
  return value === 'true' || value === 'false' ? value === 'true' : value
}

/** `the value '5' of type 'signedint'`, `'5'` and `none` are all seen. */
const valueIn = (text: string): string => /'([^']*)'/.exec(text)?.[1] ?? text.trim()
