import type { QueueConfig } from '../../../config/model.ts'
import type { Broker } from '../../../gateway/messaging/broker.ts'
import type { DeadLetter, DeadLetterFilter } from '../../../gateway/messaging/dead-letter.ts'
import { until } from '../../kit/until.ts'
import { patienceMs } from './inbox.ts'

/** The dead letters of a queue as they are now. */
export async function lettersNow(broker: Broker, queue: QueueConfig, filter: DeadLetterFilter = {}): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = []
  for await (const letter of broker.deadLetters.list(queue.name, filter)) letters.push(letter)
  return letters
}

/** The dead letters of a queue as soon as there are so many of them, no more and no fewer. */
export async function lettersOf(broker: Broker, queue: QueueConfig, count: number): Promise<readonly DeadLetter[]> {
  let letters: readonly DeadLetter[] = []
  const have = async (): Promise<boolean> => {
    letters = await lettersNow(broker, queue)
    return letters.length === count
  }
  await until(`${queue.name} has ${count} dead letters`, have, patienceMs)
  return letters
}
