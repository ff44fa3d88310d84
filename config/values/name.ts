import { type Parsed, parsed, problem, quoted } from './parsed.ts'

/** RabbitMQ takes 255 bytes and Kafka 249, and both append to it: `.dlq`, `.retry` and the like. */
const maxQueueName = 200
const maxEventName = 100
const maxSubscriberName = 90

const named = (what: string, longest: number, text: string): Parsed<string> => {
  if (text === '') return problem(`The name of ${what} is empty.`)
  const reserved = /^(?:headgate|amq)\./i.exec(text)?.[0]
  if (reserved !== undefined) return problem(`${quoted(text)} begins with \`${reserved}\`, which is reserved.`, 'Choose another name.')
  if (/\.dlq$/i.test(text)) return problem(`${quoted(text)} ends in \`.dlq\`, which is reserved for dead letters.`, 'Choose another name.')
  if (/^\.+$/.test(text)) return problem(`${quoted(text)} is not a name.`)
  if (!/^[A-Za-z0-9._-]+$/.test(text)) {
    const guess = text.trim().replace(/[^A-Za-z0-9._-]+/g, '-')
    return problem(
      `${quoted(text)} has a character that not every broker accepts in a name.`,
      /[A-Za-z0-9]/.test(guess)
        ? `Write \`${guess.slice(0, longest)}\`: letters, digits, \`.\`, \`_\` and \`-\`.`
        : 'Use letters, digits, `.`, `_` and `-`.',
    )
  }
  return text.length > longest ? problem(`${quoted(text)} is longer than ${longest} characters.`) : parsed(text)
}

/** Of a queue or an exchange: what the embedded broker, RabbitMQ and Kafka all accept. */
export const queueName = (text: string): Parsed<string> => named('a queue or exchange', maxQueueName, text)

/** The CloudEvents `type`; it becomes a routing key and the beginning of queue names. */
export const eventName = (text: string): Parsed<string> =>
  text === 'all' ? problem('`all` stands for all events.', 'Choose another name.') : named('an event', maxEventName, text)

/** It becomes the end of a queue name. */
export const subscriberName = (text: string): Parsed<string> =>
  /^dlq$/i.test(text)
    ? problem(`${quoted(text)} is reserved for dead letters.`, 'Choose another name.')
    : named('a subscriber', maxSubscriberName, text)
