import { type Parsed, type Problem, parsed, problem, quoted } from './parsed.ts'

const periods = { s: 1000, second: 1000, min: 60_000, minute: 60_000, h: 3_600_000, hour: 3_600_000, day: 86_400_000 } as const
const isPeriod = (text: string): text is keyof typeof periods => Object.hasOwn(periods, text)

export interface Rate {
  readonly count: number
  readonly periodMs: number
}

export const rate = (text: string): Parsed<Rate> => {
  const [, count = '', period = ''] = /^([1-9][0-9]{0,8})\/([a-z]+)$/.exec(text) ?? []
  if (isPeriod(period)) return parsed({ count: Number(count), periodMs: periods[period] })
  const [, guessedCount = '', guessedPeriod = ''] =
    /^([1-9][0-9]{0,8})(?:\/|per|p)(s|min|h|d|m|sec|second|minute|hour|day)s?$/.exec(text.replace(/\s+/g, '').toLowerCase()) ?? []
  if (guessedPeriod === '') return problem(`${quoted(text)} is not a rate.`, 'Write one such as `100/min` or `10/s`.')
  return problem(`${quoted(text)} is not a rate.`, `Write \`${guessedCount}/${{ d: 'day', m: 'min', sec: 's' }[guessedPeriod] ?? guessedPeriod}\`.`)
}

/** What to say about a number without a period. */
export const bareRate = (number: number): Problem => problem(`${number} per what?`, `Write \`${number}/s\` or \`${number}/min\`.`)
