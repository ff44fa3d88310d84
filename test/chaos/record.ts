/** What a message is meant to meet at the target; written in its body by the sender. */
export type Fate = 'handled' | 'refused' | 'failing'

export interface Body {
  /** Names the run, so that messages of another one are noticed. */
  readonly run: string
  readonly n: number
  readonly fate: Fate
}

/** One message as the target saw it: its number, arrivals that were answered with success, arrivals that were not. */
export type RecordEntry = readonly [n: number, handled: number, failed: number]

/** Everything that the target got. */
export interface TargetRecord {
  readonly entries: readonly RecordEntry[]
  /** Arrivals that belong to no message of this run. */
  readonly foreign: number
}

export interface RecordProgress {
  readonly arrivals: number
  /** Messages that were answered with success at least once. */
  readonly handled: number
}

/** The book of the target service: knows nothing of the sender's. */
export interface TargetBook {
  /** @returns Status to answer with. */
  arrived(body: string): number
  progress(): RecordProgress
  record(): TargetRecord
}

const statuses: Readonly<Record<Fate, number>> = { handled: 204, refused: 422, failing: 500 }

export function targetBook(run: string): TargetBook {
  const handled: number[] = []
  const failed: number[] = []
  let foreign = 0
  let arrivals = 0
  let distinct = 0

  return {
    arrived: (text) => {
      arrivals += 1
      const body = parsed(text)
      if (body === undefined || body.run !== run) {
        foreign += 1
        return statuses.handled
      }
      const { n, fate } = body
      if (fate !== 'handled') {
        failed[n] = (failed[n] ?? 0) + 1
        return statuses[fate]
      }
      handled[n] = (handled[n] ?? 0) + 1
      if (handled[n] === 1) distinct += 1
      return statuses.handled
    },
    progress: () => ({ arrivals, handled: distinct }),
    record: () => {
      const entries: RecordEntry[] = []
      for (let n = 0; n < Math.max(handled.length, failed.length); n += 1)
        if (handled[n] !== undefined || failed[n] !== undefined) entries.push([n, handled[n] ?? 0, failed[n] ?? 0])
      return { entries, foreign }
    },
  }
}

function parsed(text: string): Body | undefined {
  try {
    const { run, n, fate } = JSON.parse(text) as Partial<Body>
    const known = typeof run === 'string' && Number.isSafeInteger(n) && n !== undefined && n > 0 && fate !== undefined && fate in statuses
    return known ? { run, n, fate } : undefined
  } catch {
    return undefined
  }
}
