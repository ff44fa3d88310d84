/**
 * The floor: the least that a streaming proxy made of node:http and undici can do. No routes, timeouts, logs or metrics.
 * Usage: node bench/floor.ts PORT UPSTREAM_URL
 */
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [port, upstream] = process.argv.slice(2)
if (port === undefined || upstream === undefined) throw new Error('usage: floor.ts PORT UPSTREAM_URL')
const pool = new Pool(upstream)

createServer((request, response) => {
  const { connection: _own, 'transfer-encoding': framing, ...headers } = request.headers
  const hasBody = framing !== undefined || headers['content-length'] !== undefined
  pool
    .stream({ method: request.method ?? 'GET', path: request.url ?? '/', headers, body: hasBody ? request : null }, (answer) => {
      const { connection: _hop, 'keep-alive': _idle, 'transfer-encoding': _framing, ...answerHeaders } = answer.headers
      return response.writeHead(answer.statusCode, answerHeaders)
    })
    .catch(() => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
}).listen(Number(port), '127.0.0.1')
