import { GatewayError } from '../../errors.ts'
import type { DeadLetter, DeadLetters } from '../../messaging/dead-letter.ts'
import type { MessagingOperations } from '../backend.ts'
import { didYouMean } from '../did-you-mean.ts'
import type { Asked, Endpoint } from '../endpoint.ts'
import { gatewayProblem, json, problemAnswer } from '../respond.ts'
import type { Answer } from '../respond.ts'
import { runRequest } from './run-request.ts'
import { queryOf } from './query.ts'
import { deadLetterCount, deadLetterSummary } from './summary.ts'
import { deadLetterView, shownBodyView, summaryView } from './view.ts'

/** Dead letters over HTTP. @param now Milliseconds since the epoch; for ages in filters. */
export const deadLetterEndpoints = (messaging: () => MessagingOperations, now: () => number = Date.now): readonly Endpoint[] => {
  const running = new Set<string>()
  return [
    {
      method: 'GET',
      path: '/-/dead-letters',
      summary: 'number, age and reasons of the dead letters, by queue',
      long: true,
      answer: (asked) => summaries(messaging(), asked),
    },
    {
      method: 'GET',
      path: '/-/dead-letters/{queue}',
      summary: 'dead letters of a queue, oldest first; ?reason= error= since= until= limit=',
      long: true,
      answer: (asked) => ofQueue(messaging(), asked, (letters, queue) => listed(letters, queue, asked, now())),
    },
    {
      method: 'GET',
      path: '/-/dead-letters/{queue}/{id}',
      summary: 'one dead letter with its body in base64',
      answer: (asked) => ofQueue(messaging(), asked, (letters, queue) => shown(letters, queue, asked.parameters['id'] ?? '')),
    },
    ...(['replay', 'drop'] as const).map(
      (action): Endpoint => ({
        method: 'POST',
        path: `/-/dead-letters/{queue}/${action}`,
        summary: action === 'replay' ? 'puts dead letters back into their queue' : 'removes dead letters for good',
        long: true,
        answer: (asked) => ofQueue(messaging(), asked, (letters, queue) => changed({ letters, queue, action, asked, running, nowMs: now() })),
      }),
    ),
  ]
}

const ofQueue = async (
  messaging: MessagingOperations,
  asked: Asked,
  answer: (letters: DeadLetters, queue: string) => Promise<Answer>,
): Promise<Answer> => {
  const queue = asked.parameters['queue'] ?? ''
  const letters = messaging.deadLetters(queue)
  if (letters !== undefined) return answer(letters, queue)
  const queues = messaging.queues()
  return problemAnswer(404, `There is no such queue in the configuration.${didYouMean(queue, queues)}`, { queues })
}

/** A broker that is away takes the numbers of its own queues with it, not those of the others. */
const summaries = async (messaging: MessagingOperations, { gone }: Asked): Promise<Answer> => {
  const queues: object[] = []
  for (const queue of messaging.queues()) {
    const letters = messaging.deadLetters(queue)
    if (letters === undefined || gone.aborted) continue
    try {
      queues.push(summaryView(await deadLetterSummary(letters, queue, {}, gone)))
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      queues.push({ queue, error: { code: error.code, message: error.message } })
    }
  }
  return json({ queues })
}

const listed = async (letters: DeadLetters, queue: string, { query, gone }: Asked, nowMs: number): Promise<Answer> => {
  const wanted = queryOf(query, nowMs)
  if (!wanted.ok) return problemAnswer(400, wanted.message)
  const found: DeadLetter[] = []
  let more = false
  for await (const letter of letters.list(queue, wanted.filter)) {
    more = found.length === wanted.limit
    if (more || gone.aborted) break
    found.push(letter)
  }
  return json({ queue, deadLetters: found.map(deadLetterView), more })
}

const shown = async (letters: DeadLetters, queue: string, id: string): Promise<Answer> => {
  const found = await letters.show(queue, id)
  if (found === undefined) return problemAnswer(404, 'The queue has no dead letter of this id.')
  return json({ ...deadLetterView(found.letter), ...shownBodyView(found.message.body) })
}

interface Change {
  readonly letters: DeadLetters
  readonly queue: string
  readonly action: 'replay' | 'drop'
  readonly asked: Asked
  /** Queues that are being changed. */
  readonly running: Set<string>
  readonly nowMs: number
}

/** Goes on when its client goes away: half a replay helps nobody. */
const changed = async ({ letters, queue, action, asked, running, nowMs }: Change): Promise<Answer> => {
  const wanted = runRequest(asked.body, nowMs)
  if (!wanted.ok) return problemAnswer(400, wanted.message)
  if (wanted.dryRun) return json({ matched: await deadLetterCount(letters, queue, wanted.filter, asked.gone), done: 0 })
  if (running.has(queue)) return problemAnswer(409, 'Dead letters of this queue are being replayed or dropped at this moment.')
  running.add(queue)
  let soFar = 0
  try {
    const done = await letters[action](queue, wanted.filter, (count) => {
      soFar = count
    })
    return json({ matched: done, done })
  } catch (error) {
    // How far it came matters more than why it ended: what is done stays done.
    if (error instanceof GatewayError) return gatewayProblem(error, { done: soFar })
    throw error
  } finally {
    running.delete(queue)
  }
}
