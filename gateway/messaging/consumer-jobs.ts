import type { QueueConfig } from '../../config/model.ts'
import { maxResultBytes } from './jobs/job-store.ts'
import type { JobChange, JobStore } from './jobs/job-store.ts'
import { jobHeader } from './message.ts'
import type { Message } from './message.ts'
import type { Settlement } from './settlement.ts'
import type { TargetAnswer } from './targets/target.ts'

/** How long a lane waits for the store once its delivery is settled: a slow store must slow the senders of jobs down, not stop the consumer. */
const storeMs = 2000

/** Tells those who wait for a message how it goes. */
export interface JobReports {
  begun(message: Message, attempts: number): void
  /**
   * To be called before the settlement, so that a redelivery cannot overtake it. Resolves when the store knows, or has taken too long.
   * @param attempts In all deliveries.
   */
  settling(message: Message, settlement: Settlement, attempts: number, answer: TargetAnswer | undefined): Promise<void>
}

/** @param forwards Whether the target is another queue: its consumer says how it ends. */
export function jobReports(store: Pick<JobStore, 'update'>, queue: Pick<QueueConfig, 'deadLetter'>, forwards: boolean): JobReports {
  const isJob = (message: Message): boolean => message.headers[jobHeader] !== undefined
  return {
    begun: (message, attempts) => {
      if (!forwards && isJob(message)) void store.update(message.id, { state: 'processing', attempts })
    },
    settling: async (message, settlement, attempts, answer) => {
      if (!isJob(message)) return
      const change = changeOf(settlement, queue.deadLetter, answer)
      if (forwards && change.state === 'completed') return
      await within(storeMs, store.update(message.id, { ...change, attempts }))
    },
  }
}

function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return Promise.race([work, limit]).finally(() => clearTimeout(timer))
}

function changeOf(settlement: Settlement, deadLetter: boolean, answer: TargetAnswer | undefined): JobChange {
  switch (settlement.outcome) {
    case 'ack':
      return answer === undefined ? { state: 'completed' } : { state: 'completed', result: resultOf(answer) }
    case 'retry':
      return { state: 'queued', lastError: settlement.error }
    case 'release':
      return { state: 'queued' }
    case 'dead_letter':
      return { state: deadLetter ? 'dead_lettered' : 'failed', lastError: settlement.error }
  }
}

const resultOf = ({ status, contentType, body }: TargetAnswer) => ({
  status,
  contentType,
  body: body !== undefined && body.length <= maxResultBytes ? body : undefined,
})
