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
  for (const preference of String(header).split(',')) {
    const [name = ''] = preference.split(';')
    const wait = waitPattern.exec(name.trim())
    // Of a preference that stands twice, the first one counts.
    if (wait !== null) waitSeconds ??= Math.min(Number(wait[1] ?? wait[2]), maxWaitSeconds)
    async ||= asyncPattern.test(name.trim())
  }
  const applied = [...(async ? ['respond-async'] : []), ...(waitSeconds === undefined ? [] : [`wait=${waitSeconds}`])]
  return { waitMs: (waitSeconds ?? 0) * 1000, applied: applied.length === 0 ? [] : ['preference-applied', applied.join(', ')] }
}
