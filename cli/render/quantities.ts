/** Letter and milliseconds, the longest first. */
export const timeUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** Milliseconds the way the configuration writes them: `250ms`, `1.5s`, `1h30m`, `never`. */
export const durationText = (milliseconds: number): string => {
  if (milliseconds === Number.POSITIVE_INFINITY) return 'never'
  if (milliseconds < 1000) return `${round(milliseconds)}ms`
  if (milliseconds < 60_000) return `${round(milliseconds / 1000)}s`
  let rest = Math.round(milliseconds / 1000) * 1000
  let text = ''
  for (const [unit, size] of timeUnits) {
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return text
}

const sizes = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
] as const

/** Bytes the way the configuration writes them: `64KiB`, `1.5MiB`, `never` for no limit. */
export const sizeText = (bytes: number): string => {
  if (bytes === Number.POSITIVE_INFINITY) return 'never'
  for (const [unit, size] of sizes) if (bytes >= size) return `${round(bytes / size)}${unit}`
  return `${bytes}B`
}

/** `1 rule`, `2 rules`. */
export const countText = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const round = (value: number): string => String(Number(value.toFixed(3)))
