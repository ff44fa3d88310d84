interface WorkerStatus {
  readonly worker: number
  readonly pid: number
  /** Undefined when the worker did not answer in time. */
  readonly status: object | undefined
}

/**
 * The status of all workers as one: their counts are added up, and what each of them says stands under `workers`,
 * because breakers and health are each worker's own.
 */
export const mergedStatus = (statuses: readonly WorkerStatus[], facts: { readonly wanted: number; readonly restarts: number }): object => {
  const answered = statuses.flatMap(({ status }) => (status === undefined ? [] : [status]))
  return { ...summed(answered), workersWanted: facts.wanted, workerRestarts: facts.restarts, workers: statuses }
}

/** Numbers at the top level are counts and are added; anything else is the same in every worker, or stands under `workers`. */
const summed = (statuses: readonly object[]): object => {
  const sums = new Map<string, number>()
  for (const status of statuses) {
    for (const [key, value] of Object.entries(status)) if (typeof value === 'number') sums.set(key, (sums.get(key) ?? 0) + value)
  }
  return Object.fromEntries(sums)
}
