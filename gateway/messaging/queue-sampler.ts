import type { Broker, QueueStats } from './broker.ts'

const intervalMs = 2000

/** Asks the brokers for the depths of their queues now and then, so that a scrape and `/status` never wait for a broker. */
export interface QueueSampler {
  /** As last seen. */
  readonly queues: readonly QueueStats[]
  close(): void
}

/** @param brokers Those in use at the moment; asked for before every round. */
export function queueSampler(brokers: () => Iterable<Broker>): QueueSampler {
  let queues: readonly QueueStats[] = []
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const sample = async (): Promise<void> => {
    const answers = await Promise.allSettled([...brokers()].map((broker) => broker.stats()))
    queues = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (!closed) timer = setTimeout(() => void sample(), intervalMs).unref()
  }
  void sample()

  return {
    get queues() {
      return queues
    },
    close: () => {
      closed = true
      clearTimeout(timer)
    },
  }
}
