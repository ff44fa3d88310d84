/**
 * The upstream where nginx is not installed, and for the streaming scenario.
 *   GET /stream?bytes=N              N bytes
 *   POST /sink?bytesPerSecond=R      takes the body, at most R bytes/s when R is given; answers with the number of bytes
 *   anything else                    1 KiB
 * Usage: node bench/upstream-node.ts PORT
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { drain, zeros } from './stream-bytes.ts'
import { smallBody } from './upstream.ts'

const [port] = process.argv.slice(2)
if (port === undefined) throw new Error('usage: upstream-node.ts PORT')

const download = async (url: URL, response: ServerResponse): Promise<void> => {
  const bytes = Number(url.searchParams.get('bytes'))
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes })
  await pipeline(Readable.from(zeros(bytes)), response)
}

const sink = async (url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const limit = url.searchParams.get('bytesPerSecond')
  const bytes = await drain(request, limit === null ? undefined : Number(limit))
  response.writeHead(200, { 'content-type': 'text/plain' }).end(String(bytes))
}

createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://upstream.invalid')
  if (url.pathname.endsWith('/stream')) download(url, response).catch(() => response.destroy())
  else if (url.pathname.endsWith('/sink')) sink(url, request, response).catch(() => response.destroy())
  else response.writeHead(200, { 'content-type': 'application/json', 'content-length': smallBody.length }).end(smallBody)
}).listen(Number(port), '127.0.0.1')
