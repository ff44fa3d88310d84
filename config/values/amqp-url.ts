import { type Parsed, parsed, problem, quoted } from './parsed.ts'

const example = 'amqp://127.0.0.1:5672'

/** An address of a RabbitMQ node: scheme, host, and where needed port, virtual host and credentials. Credentials never reach a message. */
export const amqpUrl = (text: string): Parsed<string> => {
  // What stands before an `@` may be a password, wherever the text is wrong.
  const shown = text.includes('@') ? 'The URL' : quoted(text)
  if (!/^amqps?:\/\//.test(text)) {
    const guess = text.replace(/^(?:[a-z]+:)?\/*/i, 'amqp://')
    return problem(
      `${shown} does not start with \`amqp://\` or \`amqps://\`.`,
      text.includes('@') || !URL.canParse(guess) || /\s/.test(text) ? `Write one such as \`${example}\`.` : `Write \`${guess}\`.`,
    )
  }
  if (/[^\x21-\x7e]|\\/u.test(text)) return problem(`${shown} has a character that has to be escaped in a URL.`)
  if (!URL.canParse(text))
    return problem(`${shown} is not a valid URL.`, `Write one such as \`${example}\`; \`/\`, \`@\` and \`:\` in a password are escaped.`)
  const url = new URL(text)
  if (url.hostname === '') return problem(`${shown} has no host.`, `Write one such as \`${example}\`.`)
  if (url.port === '0') return problem(`${shown} has port 0, which nothing listens on.`)
  if (url.search !== '' || url.hash !== '')
    return problem(
      `${shown} has a ${url.search === '' ? 'fragment' : 'query'}.`,
      'Take it out; `heartbeat` and `connect_timeout` are keys of the broker.',
    )
  if (url.pathname.slice(1).includes('/'))
    return problem(`${shown} has a path of several segments; the path is the virtual host.`, 'Write `%2F` for a slash in its name.')
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return problem(`${shown} has a \`%\` without two hexadecimal digits.`, 'Write `%25` for a percent sign.')
  return parsed(text)
}
