import type { BrokerLog } from '../broker.ts'
import { groupConsumer } from './group-consumer.ts'
import type { GroupConsumer, HeldRecord } from './group-consumer.ts'
import type { Clients } from './library.ts'
import { describeFailure } from './library.ts'
import type { Link } from './link.ts'
import { retryDelaysMs, retryGroup, retryLevel, retryTopic } from './names.ts'
import { copyRecord, readEnvelope } from './records.ts'
import type { Sender } from './sender.ts'

export interface RelayOptions {
  readonly clients: Clients
  readonly link: Link
  readonly log: BrokerLog
  readonly sender: Sender
  readonly queue: string
  readonly timeoutMs: number
  now(): number
}

/** Records that wait in memory for their time, per delay; the others wait in the topic. */
const heldPerDelay = 100
const repeatPauseMs = 1000
const maxTimerMs = 2 ** 31 - 1

/**
 * Brings the messages of a queue back whose time has come: a copy in the queue first, then the commit. A crash between the two repeats a
 * message and loses none.
 */
export function retryRelay(options: RelayOptions): GroupConsumer {
  const { sender, queue, log } = options
  const timers = new Set<NodeJS.Timeout>()

  const onRecord = (held: HeldRecord): void => {
    const { record } = held
    const { notBeforeMs } = readEnvelope(record)
    // The records of one delay come due in the order of their writing; longer times than the longest delay take another round.
    const delayMs = retryDelaysMs[record.partition] ?? 0
    const dueMs = Math.min(notBeforeMs, record.timestampMs + delayMs)
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        void move(held)
      },
      Math.min(Math.max(0, dueMs - options.now()), maxTimerMs),
    )
    timers.add(timer)
  }
  const move = async (held: HeldRecord): Promise<void> => {
    if (held.lost.aborted) return
    const { record } = held
    const envelope = readEnvelope(record)
    const waitMs = envelope.notBeforeMs - options.now()
    const copy =
      waitMs > 0
        ? copyRecord(record, envelope, retryTopic(queue), retryLevel(waitMs), envelope)
        : copyRecord(record, envelope, queue, undefined, { ...envelope, notBeforeMs: 0 })
    try {
      await sender.send([copy], options.timeoutMs)
    } catch (error) {
      log.debug({ queue, error: describeFailure(error) }, 'a retry could not be brought back yet')
      held.again(repeatPauseMs)
      return
    }
    try {
      await held.done()
    } catch (error) {
      // Whoever has the partition now brings it back once more.
      log.debug({ queue, error: describeFailure(error) }, 'a retry that was brought back could not be committed')
    }
  }
  const consumer = groupConsumer({
    clients: options.clients,
    link: options.link,
    log,
    group: retryGroup(queue),
    topics: [retryTopic(queue)],
    maxHeld: heldPerDelay * retryDelaysMs.length,
    maxHeldPerPartition: heldPerDelay,
    commitTimeoutMs: options.timeoutMs,
    onRecord,
  })
  return {
    ...consumer,
    close: async () => {
      for (const timer of timers) clearTimeout(timer)
      await consumer.close()
    },
  }
}
