import type { ConsumerConfig, QueueConfig } from '../../../config/model.ts'
import type { Job } from './job-store.ts'

/** What decides whether messages of a queue end there. */
export type JobConsumer = Pick<ConsumerConfig, 'queue' | 'deliverTo'>

/**
 * Compiles how a job looks whose message may be too old to be delivered: brokers let expired messages go without a word, so nobody writes
 * down that it has ended. One that a consumer holds ready when its time is over looks ended until its turn comes, as a replayed one does.
 * A job whose consumer hands it on to another queue goes by the age of no queue.
 * @param epochNow Milliseconds since the epoch.
 */
export function jobExpiry(queues: readonly QueueConfig[], consumers: readonly JobConsumer[], epochNow: () => number): (job: Job) => Job {
  const forwarded = new Set(consumers.filter(({ deliverTo }) => deliverTo?.type === 'queue').map(({ queue }) => queue))
  const mortal = new Map(queues.filter(({ name, ttlMs }) => ttlMs !== Infinity && !forwarded.has(name)).map((queue) => [queue.name, queue]))
  return (job) => {
    const queue = mortal.get(job.queue)
    if (queue === undefined || job.state !== 'queued') return job
    const endedAtMs = job.updatedAtMs + queue.ttlMs
    if (epochNow() < endedAtMs) return job
    const lastError = { type: 'expired', message: 'older than the ttl of its queue' }
    return { ...job, state: queue.deadLetter ? 'dead_lettered' : 'failed', updatedAtMs: endedAtMs, lastError }
  }
}
