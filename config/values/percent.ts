import { type Parsed, type Problem, parsed, problem, quoted } from './parsed.ts'

/** @returns 0 to 100. */
export const percent = (text: string): Parsed<number> => {
  if (/^(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?%$/.test(text)) {
    const value = Number(text.slice(0, -1))
    return value <= 100 ? parsed(value) : problem(`${quoted(text)} is more than \`100%\`.`)
  }
  if (text.startsWith('-')) return problem(`${quoted(text)} is negative; a percentage is \`0%\` to \`100%\`.`)
  const [, digits = '', sign = ''] =
    /^0*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(%|percent|pct)?$/.exec(text.normalize('NFKC').replace(/\s+/g, '').replace(',', '.').toLowerCase()) ?? []
  if (digits === '' || Number(digits) > 100) return problem(`${quoted(text)} is not a percentage.`, 'Write one such as `50%`.')
  if (sign === '') return barePercent(Number(digits))
  return problem(`${quoted(text)} is not a percentage.`, `Write \`${Number(digits)}%\`.`)
}

/** What to say about a number without a percent sign: up to 1 it is a share, above it has lost its sign. */
export const barePercent = (number: number): Problem => {
  if (number < 0 || number > 100) return problem(`\`${number}\` is not a percentage.`, 'Write `0%` to `100%`.')
  if (number === 1) return problem('`1` is not a percentage.', 'Write `1%`, or `100%` for all.')
  const share = number < 1 ? Number((number * 100).toPrecision(10)) : number
  return problem(`\`${number}\` is not a percentage.`, `Write \`${share}%\`.`)
}
