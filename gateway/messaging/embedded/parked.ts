import { GatewayError } from '../../errors.ts'
import type { DeadLetterFilter, DeadLetters, Progress } from '../dead-letter.ts'
import type { Connection } from './connection.ts'
import { messageOf } from './subscriptions.ts'

/** The dead letters of the file, in steps: what each reads or moves is bounded, and stored before the next. */
export function embeddedDeadLetters(call: Connection['call']): DeadLetters {
  const run = async (operation: 'replay' | 'drop', queue: string, filter: DeadLetterFilter, progress: Progress | undefined): Promise<number> => {
    const upTo = await call('newestLetter', queue)
    let total = 0
    let next: number | undefined = 0
    while (next !== undefined) {
      const step: { done: number; next: number | undefined; full: boolean } = await call(operation, { queue, filter, after: next, upTo })
      total += step.done
      if (step.full) throw new GatewayError('QUEUE_FULL', { detail: `the queue is full; ${total} dead letters were put back before` })
      if (step.done > 0) progress?.(total)
      next = step.next
    }
    return total
  }
  return {
    list: async function* list(queue, filter) {
      const upTo = await call('newestLetter', queue)
      let next: number | undefined = 0
      while (next !== undefined) {
        const page: Awaited<ReturnType<typeof readPage>> = await readPage(queue, filter, next, upTo)
        yield* page.letters
        next = page.next
      }
    },
    show: async (queue, id) => {
      const found = await call('letter', { queue, id })
      if (found === undefined) return undefined
      const { letter, body } = found
      const { contentType, key, publishedAtMs, headers } = letter
      return { letter, message: messageOf({ id, body, contentType: contentType ?? null, key: key ?? null, publishedAtMs }, headers) }
    },
    replay: (queue, filter, progress) => run('replay', queue, filter, progress),
    drop: (queue, filter, progress) => run('drop', queue, filter, progress),
  }

  function readPage(queue: string, filter: DeadLetterFilter, after: number, upTo: number): ReturnType<typeof call<'letters'>> {
    return call('letters', { queue, filter, after, upTo })
  }
}
