import { type Parsed, type Problem, parsed, problem, quoted } from './parsed.ts'

/** Longest time that `setTimeout` can hold is 2^31 - 1 ms; whole days are easier to remember. */
const maxTimerMs = 24 * 86_400_000
/** 100 years: ages are compared, never put into a timer. */
const maxAgeMs = 36_525 * 86_400_000

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
type Unit = keyof typeof unitMs
const isUnit = (text: string): text is Unit => Object.hasOwn(unitMs, text)

interface DurationRules {
  readonly zero: boolean
  readonly never: boolean
  readonly maxMs: number
}

const never = new Set(['never', '∞'])
const wholeShape = /^(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:ms|s|m|h|d))+$/
const part = /([0-9.]+)(ms|s|m|h|d)/g

const milliseconds = (text: string): number | undefined => {
  if (text.length > 40 || !wholeShape.test(text)) return undefined
  let total = 0
  let lastUnitMs = Number.POSITIVE_INFINITY
  for (const [, digits = '', unit = ''] of text.matchAll(part)) {
    if (!isUnit(unit) || unitMs[unit] >= lastUnitMs) return undefined
    lastUnitMs = unitMs[unit]
    total += Number(digits) * lastUnitMs
  }
  const rounded = Math.round(total)
  return Math.abs(total - rounded) < 1e-6 ? rounded : undefined
}

/** @returns Milliseconds; `Infinity` for `never`. */
const duration =
  (rules: DurationRules) =>
  (text: string): Parsed<number> => {
    if (never.has(text))
      return rules.never ? parsed(Number.POSITIVE_INFINITY) : problem(`${quoted(text)} is not possible here.`, 'Write a duration such as `30s`.')
    const ms = milliseconds(text)
    if (ms === undefined) return notADuration(text, rules)
    if (ms === 0 && !rules.zero) return problem(`${quoted(text)} must be more than zero.`, rules.never ? 'Write `never` for no limit.' : undefined)
    if (ms > rules.maxMs)
      return problem(
        `${quoted(text)} is too long: ${rules.maxMs === maxTimerMs ? '24 days (`24d`)' : '100 years (`36525d`)'} at most.`,
        rules.never ? 'Write `never` for no limit.' : undefined,
      )
    return parsed(ms)
  }

const timerRules: DurationRules = { zero: false, never: false, maxMs: maxTimerMs }
const zeroRules: DurationRules = { zero: true, never: false, maxMs: maxTimerMs }
const neverRules: DurationRules = { zero: false, never: true, maxMs: maxTimerMs }

/** More than zero, at most 24 days. */
export const timerDuration: (text: string) => Parsed<number> = duration(timerRules)
/** As `timerDuration`, and zero. */
export const durationOrZero: (text: string) => Parsed<number> = duration(zeroRules)
/** As `timerDuration`, and `never` or `∞`, read as `Infinity`. */
export const durationOrNever: (text: string) => Parsed<number> = duration(neverRules)
/** More than zero, at most 100 years, or `never`. */
export const age: (text: string) => Parsed<number> = duration({ zero: false, never: true, maxMs: maxAgeMs })

/** What to say about a number without a unit. */
const bare = (number: number, rules: DurationRules): Problem => {
  if (number === 0 && !rules.zero) return problem('`0` must be more than zero.', rules.never ? 'Write `never` for no limit.' : undefined)
  if (number < 0) return problem(`\`${number}\` is negative; a duration is not.`, 'Write one such as `5s`.')
  const units = [`${number}s`, `${number}ms`].filter((text) => duration(rules)(text).ok)
  return problem(`${number} what?`, units.length === 0 ? 'Write one such as `5s`.' : `Write ${units.map((text) => `\`${text}\``).join(' or ')}.`)
}

export const bareTimerDuration = (number: number): Problem => bare(number, timerRules)
export const bareDurationOrZero = (number: number): Problem => bare(number, zeroRules)
export const bareDurationOrNever = (number: number): Problem => bare(number, neverRules)

const unitNames: Readonly<Record<string, Unit>> = {
  msec: 'ms',
  msecs: 'ms',
  milli: 'ms',
  millis: 'ms',
  millisecond: 'ms',
  milliseconds: 'ms',
  sec: 's',
  secs: 's',
  second: 's',
  seconds: 's',
  min: 'm',
  mins: 'm',
  minute: 'm',
  minutes: 'm',
  hr: 'h',
  hrs: 'h',
  hour: 'h',
  hours: 'h',
  day: 'd',
  days: 'd',
}

const notADuration = (text: string, rules: DurationRules): Problem => {
  if (/^[0-9]+(\.[0-9]+)?$/.test(text) && text.length < 16) return bare(Number(text), rules)
  if (text.startsWith('-')) return problem(`${quoted(text)} is negative; a duration is not.`, rules.never ? 'Write `never` for no limit.' : undefined)
  if (text === '') return problem('An empty text is not a duration.', 'Write one such as `5s`, or remove the key.')
  const guess = guesses(text).find((candidate) => duration(rules)(candidate).ok)
  if (guess !== undefined) return problem(`${quoted(text)} is not a duration.`, `Write \`${guess}\`.`)
  if (rules.never && /^(inf|infinity|infinite|none|off|forever|unlimited|no|\.inf)$/i.test(text))
    return problem(`${quoted(text)} is not a duration.`, 'Write `never` for no limit.')
  if (/^[0-9.]+(us|µs|μs|ns)$/.test(text) || (/^[0-9]+\.[0-9]+m?s$/.test(text) && text.length < 40))
    return problem(`${quoted(text)} is finer than a millisecond.`, 'The smallest unit is `ms`.')
  return problem(`${quoted(text)} is not a duration.`, `Write one such as \`250ms\`, \`5s\`, \`1m30s\`${rules.never ? ' or `never`' : ''}.`)
}

/** What the writer probably meant, likeliest first. */
const guesses = (text: string): string[] => {
  if (text.length > 40) return []
  const plain = text
    .normalize('NFKC')
    .trim()
    .replace(/(?<=[0-9]),(?=[0-9])/g, '.')
    .replace(/[\s_]+/g, '')
    .toLowerCase()
  const named = plain.replace(/[a-z]+/g, (word) => unitNames[word] ?? word)
  const leading = named.replace(/(?<![0-9.])0+(?=[0-9])/g, '').replace(/(?<![0-9])\.(?=[0-9])/g, '0.')
  const weeks = leading.replace(/^([0-9]+)(?:w|week|weeks)$/, (_, count: string) => `${Number(count) * 7}d`)
  const iso = plain.replace(/^p(?:([0-9]+)d)?t?/, (_, days: string | undefined) => (days === undefined ? '' : `${days}d`))
  const exponent = plain.replace(/^([0-9.]+e[0-9]+)(?=[a-z])/, (digits) => (Number(digits) < 1e12 ? String(Number(digits)) : digits))
  return [plain, named, leading, weeks, iso, exponent, clock(plain), descending(leading)].filter((candidate) => candidate !== text)
}

/** `1:30` is read as minutes and seconds, `1:30:00` as hours, minutes and seconds. */
const clock = (text: string): string => {
  const fields = /^(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{2})$/.exec(text)
  if (fields === null) return ''
  const [, hours, minutes, seconds] = fields.map(Number)
  return `${hours ? `${hours}h` : ''}${minutes ? `${minutes}m` : ''}${seconds ? `${seconds}s` : ''}`
}

/** `30m1h` has its units in the wrong order. */
const descending = (text: string): string => {
  if (!wholeShape.test(text)) return ''
  const parts = [...text.matchAll(part)].map(([whole, , unit = '']) => ({ whole, ms: isUnit(unit) ? unitMs[unit] : 0 }))
  return parts
    .toSorted((a, b) => b.ms - a.ms)
    .map(({ whole }) => whole)
    .join('')
}
