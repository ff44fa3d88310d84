import { GatewayError } from '../../errors.ts'
import type { DeadLetter, DeadLetterFilter, DeadLetters, Progress } from '../dead-letter.ts'
import type { Clients } from './library.ts'
import type { Link } from './link.ts'
import { keyOf, liveRecords, scan, wholeLog } from './log-scan.ts'
import { deadLetterTopic } from './names.ts'
import { readDeadLetter, recordBytes, replayRecord, tombstone } from './records.ts'
import type { NewRecord, ParkedMessage, RawRecord } from './records.ts'
import type { Sender } from './sender.ts'

export interface DeadLettersOptions {
  clients(): Promise<Clients>
  sender(): Promise<Sender>
  readonly link: Link
  readonly timeoutMs: number
  /** Whether the queue keeps dead letters here; nothing is asked of the broker otherwise. */
  keeps(queue: string): boolean
  now(): number
}

/** What is written in one go; the letters of it are in memory. */
const batchLetters = 200
const batchBytes = 512 * 1024

/** Letters are the live records of a compacted topic with one partition; a tombstone removes one. */
export function kafkaDeadLetters(options: DeadLettersOptions): DeadLetters {
  const connected = async (): Promise<Clients> => {
    if (!(await options.link.wait(options.timeoutMs))) throw new GatewayError('BROKER_UNAVAILABLE')
    return options.clients()
  }
  async function* matching(queue: string, filter: DeadLetterFilter): AsyncGenerator<{ readonly record: RawRecord; readonly parked: ParkedMessage }> {
    if (!options.keeps(queue)) return
    const matches = letterFilter(filter)
    try {
      const clients = await connected()
      for await (const record of liveRecords(clients, await wholeLog(clients, deadLetterTopic(queue)))) {
        const parked = readDeadLetter(queue, record)
        if (matches(parked.letter)) yield { record, parked }
      }
    } catch (error) {
      throw unavailable(error)
    }
  }
  const inBatches = async (
    queue: string,
    filter: DeadLetterFilter,
    progress: Progress | undefined,
    write: (records: RawRecord[]) => Promise<void>,
  ) => {
    let done = 0
    let bytes = 0
    let batch: RawRecord[] = []
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return
      await write(batch)
      done += batch.length
      batch = []
      bytes = 0
      progress?.(done)
    }
    for await (const { record } of matching(queue, filter)) {
      batch.push(record)
      bytes += record.value?.length ?? 0
      if (batch.length >= batchLetters || bytes >= batchBytes) await flush()
    }
    await flush()
    return done
  }
  const write = async (records: readonly NewRecord[]): Promise<void> => {
    const to = await options.sender()
    await Promise.all(records.map((record) => to.send([record], options.timeoutMs + recordBytes(record) / 1000)))
  }
  return {
    async *list(queue, filter) {
      for await (const { parked } of matching(queue, filter)) yield parked.letter
    },
    async show(queue, id) {
      if (!options.keeps(queue)) return undefined
      try {
        const clients = await connected()
        let found: RawRecord | undefined
        for await (const record of scan(clients, await wholeLog(clients, deadLetterTopic(queue)))) {
          if (record.value === undefined) {
            if (found !== undefined && keyOf(found) === keyOf(record)) found = undefined
          } else if (readDeadLetter(queue, record).letter.id === id) found = record
        }
        return found === undefined ? undefined : readDeadLetter(queue, found)
      } catch (error) {
        throw unavailable(error)
      }
    },
    replay: (queue, filter, progress) =>
      inBatches(queue, filter, progress, async (letters) => {
        await write(letters.map((letter) => replayRecord(queue, letter, options.now())))
        await write(letters.map((letter) => tombstone(letter)))
      }),
    drop: (queue, filter, progress) => inBatches(queue, filter, progress, (letters) => write(letters.map((letter) => tombstone(letter)))),
  }
}

function letterFilter(filter: DeadLetterFilter): (letter: DeadLetter) => boolean {
  const ids = filter.ids === undefined ? undefined : new Set(filter.ids)
  return (letter) =>
    (ids === undefined || ids.has(letter.id)) &&
    (filter.reason === undefined || letter.reason === filter.reason) &&
    (filter.errorType === undefined || letter.lastError.type === filter.errorType) &&
    letter.parkedAtMs >= (filter.parkedFromMs ?? -Infinity) &&
    letter.parkedAtMs < (filter.parkedBeforeMs ?? Infinity)
}

function unavailable(error: unknown): GatewayError {
  return error instanceof GatewayError ? error : new GatewayError('BROKER_UNAVAILABLE', { cause: error })
}
