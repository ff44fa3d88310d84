/**
 * Whether a regular expression may take time that doubles with each character of a text: a repeated part that holds another
 * repeated part, or alternatives that begin alike, so that one text can be divided in very many ways.
 *
 * It looks at what each part can consume, not at the whole language, so it refuses a little more than it must; separators that
 * the repeated part cannot hold itself, as in `(\w+\.)+`, are seen and fine.
 * @returns False also for what is no regular expression; whoever compiles it says so.
 */
export const backtracksExponentially = (pattern: string): boolean => {
  return isPattern(pattern) && new PatternReader(pattern).isExponential()
}

const isPattern = (text: string): boolean => {
  try {
    return new RegExp(text, 'u').source !== ''
  } catch {
    return false
  }
}

/** What a part of a pattern can consume. */
interface Part {
  /** Sample characters that may stand in it. */
  readonly chars: ReadonlySet<string>
  readonly nullable: boolean
  /** Characters of which alone a text for it can be made, such as `a` for `a|aa`. */
  readonly pure: ReadonlySet<string>
  /** Characters of repeated parts in it of which the whole part can be made. */
  readonly loops: readonly ReadonlySet<string>[]
}

/** Beyond so many repetitions a limit is none. */
const manyRepetitions = 20

const samples = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), 'é', '中', '😀']
const nothing: Part = { chars: new Set(), nullable: true, pure: new Set(), loops: [] }

class PatternReader {
  readonly #text: string
  #at = 0
  #exponential = false

  constructor(text: string) {
    this.#text = text
  }

  isExponential(): boolean {
    this.#alternatives()
    return this.#exponential
  }

  /** Up to the closing bracket or the end. */
  #alternatives(): Part {
    const found = [this.#sequence()]
    while (this.#text[this.#at] === '|') {
      this.#at += 1
      found.push(this.#sequence())
    }
    return {
      chars: union(found.map(({ chars }) => chars)),
      nullable: found.some(({ nullable }) => nullable),
      pure: union(found.map(({ pure }) => pure)),
      // Alternatives that take the same text are two ways to go on, as a repetition is.
      loops: [...found.flatMap(({ loops }) => loops), ...sharedChars(found)],
    }
  }

  #sequence(): Part {
    const parts: Part[] = []
    while (this.#at < this.#text.length && !'|)'.includes(this.#text.charAt(this.#at))) parts.push(this.#repeated(this.#atom()))
    return {
      chars: union(parts.map(({ chars }) => chars)),
      nullable: parts.every(({ nullable }) => nullable),
      pure: pureChars(parts),
      loops: parts.flatMap((part, index) =>
        part.loops.filter((loop) => parts.every((other, otherIndex) => otherIndex === index || other.nullable || overlaps(other.chars, loop))),
      ),
    }
  }

  #repeated(part: Part): Part {
    const [whole = '', min, comma, max] = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(this.#text.slice(this.#at)) ?? []
    if (whole === '') return part
    this.#at += whole.length
    const most =
      min === undefined
        ? whole.startsWith('?')
          ? 1
          : Number.POSITIVE_INFINITY
        : comma === ''
          ? Number(min)
          : Number(max || Number.POSITIVE_INFINITY)
    const nullable = part.nullable || whole.startsWith('*') || whole.startsWith('?') || Number(min) === 0
    if (most <= manyRepetitions) return { ...part, nullable }
    if (part.loops.length > 0) this.#exponential = true
    return { ...part, nullable, loops: part.chars.size === 0 ? [] : [part.chars] }
  }

  #atom(): Part {
    const rest = this.#text.slice(this.#at)
    const group = /^\((?:\?(?:[:=!]|<[=!]|<[^>]+>))?/.exec(rest)?.[0]
    if (group !== undefined) {
      this.#at += group.length
      const inner = this.#alternatives()
      this.#at += 1
      return /^\(\?<?[=!]/.test(group) ? nothing : inner
    }
    const [atom = ''] =
      /^(?:\[(?:\\.|[^\]\\])*\]|\\(?:[pPu]\{[^}]*\}|k<[^>]*>|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|c[A-Za-z]|[1-9][0-9]*|.)|.)/su.exec(rest) ?? []
    this.#at += Math.max(1, atom.length)
    if (/^(?:[$^]|\\[bB]|\\k|\\[1-9])/.test(atom)) return nothing
    const chars = charsOf(atom)
    return { chars, nullable: false, pure: chars, loops: [] }
  }
}

/** Characters that two of the alternatives could both take a text of. */
const sharedChars = (parts: readonly Part[]): ReadonlySet<string>[] =>
  parts
    .flatMap(({ pure }, index) => parts.slice(index + 1).map((other) => new Set([...pure].filter((char) => other.pure.has(char)))))
    .filter(({ size }) => size > 0)

/** Those that every part which must be there can be made of. */
const pureChars = (parts: readonly Part[]): ReadonlySet<string> => {
  const needed = parts.filter(({ nullable }) => !nullable)
  const all = union((needed.length === 0 ? parts : needed).map(({ pure }) => pure))
  return new Set([...all].filter((char) => needed.every(({ pure }) => pure.has(char))))
}

const charsOf = (atom: string): ReadonlySet<string> => {
  const one = new RegExp(`^(?:${atom})$`, 'u')
  return new Set(samples.filter((char) => one.test(char)))
}

const union = (sets: readonly ReadonlySet<string>[]): ReadonlySet<string> => new Set(sets.flatMap((set) => [...set]))

const overlaps = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean => [...one].some((char) => other.has(char))
