import { type Parsed, problem } from './parsed.ts'
import { type ServerUrl, serverUrl } from './server-url.ts'

const amqp: ServerUrl = {
  schemes: ['amqp', 'amqps'],
  example: 'amqp://127.0.0.1:5672',
  insteadOfQuery: 'Take it out; `heartbeat` and `connect_timeout` are keys of the broker.',
  path: (path, shown) =>
    path.includes('/')
      ? problem(`${shown} has a path of several segments; the path is the virtual host.`, 'Write `%2F` for a slash in its name.')
      : undefined,
}

/** An address of a RabbitMQ node; its path is the virtual host. */
export const amqpUrl = (text: string): Parsed<string> => serverUrl(text, amqp)
