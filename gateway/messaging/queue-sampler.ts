import type { Broker, QueueStats } from './broker.ts'

const intervalMs = 2000

/** Asks the brokers for the depths of their queues now and then, so that a scrape and `/status` never wait for a broker. */
export interface QueueSampler {
  /** As last seen. */
  readonly queues: readonly QueueStats[]
  /** Looks at once: the brokers or their queues have changed. Never rejects. */
  look(): Promise<void>
  close(): void
}

/** @param brokers Those in use at the moment; asked for before every round. */
export function queueSampler(brokers: () => Iterable<Pick<Broker, 'stats'>>): QueueSampler {
  let queues: readonly QueueStats[] = []
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let round = 0

  const look = async (): Promise<void> => {
    clearTimeout(timer)
    round += 1
    const own = round
    const answers = await Promise.allSettled([...brokers()].map((broker) => broker.stats()))
    // A later round knows better, and comes again by itself.
    if (own !== round || closed) return
    queues = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    timer = setTimeout(() => void look(), intervalMs).unref()
  }
  void look()

  return {
    get queues() {
      return queues
    },
    look,
    close: () => {
      closed = true
      clearTimeout(timer)
    },
  }
}
