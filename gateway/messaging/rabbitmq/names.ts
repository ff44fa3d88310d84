/** Names of what the gateway makes beside a queue. */

export const deadLetterQueueOf = (queue: string): string => `${queue}.dlq`

export const delayQueueOf = (queue: string, rungMs: number): string => `${queue}.delay.${rungMs}`

/**
 * Where retries arrive when their delay is over. Not in the queue itself: that one may be full, and RabbitMQ tries again only after three
 * minutes; and a retry need not wait behind everything that was published meanwhile.
 */
export const dueQueueOf = (queue: string): string => `${queue}.due`

/** Exists while somebody has the sole right to consume a queue, see `Locks`. */
export const lockQueueOf = (queue: string): string => `${queue}.lock`

/** Delays of the ladder: 250 ms and its doubles up to 36 hours. */
export const rungsMs: readonly number[] = Array.from({ length: 20 }, (_, index) => 250 * 2 ** index)

/** The longest delay there is. */
export const longestDelayMs = rungsMs.at(-1) ?? 0

/**
 * The rung on which a message waits. Each message carries its own time to live and leaves exactly then if nothing with a later end stands
 * before it in the rung; if something does, it waits at most for that, which is less than twice its delay (or 250 ms). Never too short.
 */
export const rungOf = (delayMs: number): number => rungsMs.find((rungMs) => rungMs >= delayMs) ?? longestDelayMs
