import { address } from './address.ts'
import { type Parsed, parsed } from './parsed.ts'

/** A Kafka server, `HOST:PORT` or `kafka://HOST:PORT`. @returns `HOST:PORT`, as clients want it. */
export const kafkaUrl = (text: string): Parsed<string> => {
  const server = text.replace(/^kafka:\/\//, '')
  const found = address(server)
  return found.ok ? parsed(server) : found
}
