/** What the sender did, kept apart from everything that the gateway says of itself. Messages are numbered from 1. */
export interface Ledger {
  /** Takes the next number. */
  next(): number
  /** One more request is being sent for a message. */
  try(n: number): void
  /** The gateway answered 202 for it. */
  confirm(n: number, atMs: number): void
  /** The gateway refused it for good. */
  refuse(n: number, status: number): void

  readonly attempted: number
  readonly confirmed: number
  /** Refused messages by status: there should be none. */
  readonly refused: ReadonlyMap<number, number>
  isConfirmed(n: number): boolean
  /** Requests sent for the message; more than one, when an earlier one got no 202 and its fate was unknown. */
  tries(n: number): number
  /** Confirmations per second within the span, milliseconds of the same clock as in `confirm`. */
  rate(fromMs: number, toMs: number): number
  /** First confirmation at or after this time. */
  firstConfirmedAfter(ms: number): number | undefined
}

const bucketMs = 50

export function ledger(): Ledger {
  const tries: number[] = [0]
  const confirmedAtMs: (number | undefined)[] = [undefined]
  const buckets = new Map<number, number>()
  const refused = new Map<number, number>()
  let confirmed = 0

  return {
    next: () => {
      tries.push(0)
      confirmedAtMs.push(undefined)
      return tries.length - 1
    },
    try: (n) => {
      tries[n] = (tries[n] ?? 0) + 1
    },
    confirm: (n, atMs) => {
      if (confirmedAtMs[n] !== undefined) throw new Error(`message ${n} was confirmed before`)
      confirmedAtMs[n] = atMs
      confirmed += 1
      const bucket = Math.floor(atMs / bucketMs)
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
    },
    refuse: (_n, status) => void refused.set(status, (refused.get(status) ?? 0) + 1),

    get attempted() {
      return tries.length - 1
    },
    get confirmed() {
      return confirmed
    },
    refused,
    isConfirmed: (n) => confirmedAtMs[n] !== undefined,
    tries: (n) => tries[n] ?? 0,
    rate: (fromMs, toMs) => {
      const [first, last] = [Math.floor(fromMs / bucketMs), Math.floor(toMs / bucketMs)]
      let count = 0
      for (let bucket = first; bucket < last; bucket += 1) count += buckets.get(bucket) ?? 0
      return (count * 1000) / ((last - first) * bucketMs)
    },
    firstConfirmedAfter: (ms) =>
      confirmedAtMs.reduce((first, at) => (at !== undefined && at >= ms && (first === undefined || at < first) ? at : first), undefined),
  }
}
