import { type Parsed, problem } from './parsed.ts'
import { type ServerUrl, serverUrl } from './server-url.ts'

const redis: ServerUrl = {
  schemes: ['redis', 'rediss'],
  example: 'redis://127.0.0.1:6379',
  insteadOfQuery: 'Take it out; `command_timeout` and `connect_timeout` are keys of the store.',
  path: (path, shown) =>
    /^(?:0|[1-9][0-9]{0,4})?$/.test(path)
      ? undefined
      : problem(`${shown} has a path that is not the number of a database.`, 'Write one such as `redis://127.0.0.1:6379/2`.'),
}

/** An address of a Redis server or Sentinel; its path is the number of the database. */
export const redisUrl = (text: string): Parsed<string> => serverUrl(text, redis)
