import type { TextStream } from '../io.ts'
import { countText, durationText } from '../render/quantities.ts'
import { visible } from '../render/text-width.ts'
import type { ExplainedConsumer, ExplainedQueue } from './messages.ts'
import { operationText } from './operation-text.ts'
import { policiesText } from './policies-text.ts'

/** A queue that gets the message, and each of its consumers with what one message may cost. */
export const queueText = (queue: ExplainedQueue, stream: TextStream): string[] => {
  const { broker, consumers } = queue
  const on = `on ${broker.name} (${broker.type})`
  const nobody = consumers.length === 0 ? `  ${stream.style('yellow', 'no consumer')}: the messages wait until somebody else takes them\n` : ''
  return [
    `${stream.style('bold', 'Queue')} ${visible(queue.name)} ${visible(on)}  ${stream.style('dim', queue.origin)}\n${nobody}`,
    policiesText(`Policies of ${queue.name}`, queue.policies, stream),
    ...consumers.flatMap((consumer) => consumerText(consumer, queue, stream)),
  ]
}

const consumerText = (consumer: ExplainedConsumer, queue: ExplainedQueue, stream: TextStream): string[] => [
  `${stream.style('bold', 'Consumer')} ${visible(consumer.name)} delivers to ${visible(consumer.target)}  ${stream.style('dim', consumer.origin)}\n`,
  worstCaseText(consumer, queue, stream),
  policiesText(`Policies of ${consumer.name}`, consumer.policies, stream),
  ...(consumer.operation === undefined ? [] : operationText(consumer.operation, undefined, stream)),
]

const worstCaseText = ({ name, worstCase }: ExplainedConsumer, { deadLetter, ttlMs }: ExplainedQueue, stream: TextStream): string => {
  const { deliveries, attemptsPerDelivery, attempts, deliveryMs, totalMs } = worstCase
  const end = deadLetter ? 'parked as a dead letter' : 'discarded: the queue keeps no dead letters'
  const lines = [
    `  calls  ${countText(attempts, 'attempt')} (${deliveries === 1 ? '1 delivery' : `${deliveries} deliveries`} x ${attemptsPerDelivery}), then it is ${end}`,
    totalMs === Number.POSITIVE_INFINITY
      ? '  time   no limit: the consumer has no timeout'
      : `  time   ${durationText(totalMs)} (${durationText(deliveryMs)} for one delivery), with the longest waits in between`,
  ]
  if (ttlMs < totalMs) lines.push(`         it expires ${durationText(ttlMs)} after it was published, if it waits in the queue then`)
  return `${stream.style('bold', `Worst case of a message at ${visible(name)}`)}\n${lines.join('\n')}\n`
}
