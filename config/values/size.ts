import { type Parsed, type Problem, parsed, problem, quoted } from './parsed.ts'

const unitBytes = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const
type Unit = keyof typeof unitBytes
const isUnit = (text: string): text is Unit => Object.hasOwn(unitBytes, text)
const shape = /^(0|[1-9][0-9]{0,15})((?:\.[0-9]{1,9})?)(B|KiB|MiB|GiB)$/

const bytes = (text: string): number | undefined => {
  const [, whole = '', fraction = '', unit = ''] = shape.exec(text) ?? []
  if (!isUnit(unit)) return undefined
  const total = Number(whole + fraction) * unitBytes[unit]
  return Number.isSafeInteger(total) ? total : undefined
}

/** More than zero. @returns Bytes. */
export const size = (text: string): Parsed<number> => {
  const total = bytes(text)
  if (total === undefined) return notASize(text, false)
  return total === 0 ? problem(`${quoted(text)} must be more than zero.`) : parsed(total)
}

/** Zero or more, or `never`/`∞`, read as `Infinity`. @returns Bytes. */
export const sizeOrNever = (text: string): Parsed<number> => {
  if (text === 'never' || text === '∞') return parsed(Number.POSITIVE_INFINITY)
  const total = bytes(text)
  return total === undefined ? notASize(text, true) : parsed(total)
}

/** What to say about a number without a unit. */
export const bareSize = (number: number): Problem => {
  if (number < 0) return problem(`\`${number}\` is negative; a size is not.`, 'Write one such as `64KiB`.')
  const sizes = ['B', 'KiB', 'MiB'].map((unit) => `${number}${unit}`).filter((text) => bytes(text) !== undefined)
  return problem(`${number} what?`, sizes.length === 0 ? 'Write one such as `64KiB`.' : `Write ${sizes.map((text) => `\`${text}\``).join(' or ')}.`)
}

const notASize = (text: string, orNever: boolean): Problem => {
  if (/^[0-9]+(\.[0-9]+)?$/.test(text) && text.length < 16) return bareSize(Number(text))
  if (text.startsWith('-')) return problem(`${quoted(text)} is negative; a size is not.`, orNever ? 'Write `never` for no limit.' : undefined)
  const guess = guessed(text)
  if (guess !== undefined)
    return problem(
      `${quoted(text)} is not a size.`,
      `Write \`${guess}\`${/[kmg]b?\s*$/i.test(text) ? ': sizes are binary, 1KiB is 1024 bytes.' : '.'}`,
    )
  return problem(`${quoted(text)} is not a size.`, `Write one such as \`512B\`, \`64KiB\` or \`10MiB\`${orNever ? ', or `never`' : ''}.`)
}

const guessed = (text: string): string | undefined => {
  if (text.length > 40) return undefined
  const fields = /^0*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(b|byte|bytes|[kmg]i?b?)$/.exec(
    text
      .normalize('NFKC')
      .replace(/[\s_]+/g, '')
      .toLowerCase(),
  )
  if (fields === null) return undefined
  const [, digits = '', unit = ''] = fields
  const candidate = `${Number(digits)}${unit.startsWith('b') ? 'B' : `${unit.slice(0, 1).toUpperCase()}iB`}`
  return bytes(candidate) === undefined ? undefined : candidate
}
