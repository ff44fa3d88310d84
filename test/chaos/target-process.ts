import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { targetBook } from './record.ts'

/**
 * The target service: `node target-process.ts PORT RUN WORK_MS`. Keeps its book in a process of its own, so that nothing that happens to
 * the gateway or to the sender can touch it. WORK_MS is what handling a message takes at most.
 */
const [port = '', run = '', workMs = '0'] = process.argv.slice(2)
const book = targetBook(run)

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

const server = createServer((request, response) => {
  const answer = (value: object): void => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  const deliver = async (): Promise<void> => {
    const status = book.arrived(await textOf(request))
    setTimeout(() => response.writeHead(status).end(), Math.random() * Number(workMs))
  }
  if (request.url === '/progress') answer(book.progress())
  else if (request.url === '/record') answer(book.record())
  // A delivery that broke off on its way has not arrived.
  else deliver().catch(() => response.destroy())
})
// Kept connections are never closed under a delivery.
server.keepAliveTimeout = 0
server.listen(Number(port), '127.0.0.1')
