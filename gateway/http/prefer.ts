/** What a client would like (RFC 7240), of the preferences that are known here. */
export interface Preferences {
  /** `wait=N` in milliseconds, as far as it is granted. */
  readonly waitMs: number
  /** `Preference-Applied` for an answer that waited, or that comes before the work is done; empty where nothing was asked for. */
  readonly applied: readonly string[]
}

/** Waiting holds a connection; beyond this the client asks again. */
const maxWaitSeconds = 60

const waitPattern = /^wait\s*=\s*(?:(\d{1,9})|"(\d{1,9})")$/i
const asyncPattern = /^respond-async$/i

const nothing: Preferences = { waitMs: 0, applied: [] }

/** @param header `Prefer` as Node gives it, several of them joined by commas. Never throws: a preference that is not understood is ignored. */
export function preferences(header: string | readonly string[] | undefined): Preferences {
  if (header === undefined) return nothing
  let waitSeconds: number | undefined
  let async = false
  for (const preference of preferencesIn(String(header))) {
    const [name = ''] = preference.split(';')
    const wait = waitPattern.exec(name.trim())
    // Of a preference that stands twice, the first one counts.
    if (wait !== null) waitSeconds ??= Math.min(Number(wait[1] ?? wait[2]), maxWaitSeconds)
    async ||= asyncPattern.test(name.trim())
  }
  const applied = [...(async ? ['respond-async'] : []), ...(waitSeconds === undefined ? [] : [`wait=${waitSeconds}`])]
  return { waitMs: (waitSeconds ?? 0) * 1000, applied: applied.length === 0 ? [] : ['preference-applied', applied.join(', ')] }
}

/** Parts between commas; those within quotation marks belong to a value. */
function preferencesIn(header: string): readonly string[] {
  const parts: string[] = []
  let start = 0
  let quoted = false
  for (let at = 0; at < header.length; at += 1) {
    const char = header[at]
    if (char === '"') quoted = !quoted
    else if (char === '\\' && quoted) at += 1
    else if (char === ',' && !quoted) {
      parts.push(header.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, header.slice(start)]
}
