/**
 * The floor once more, on undici's raw `dispatch` with raw header lists: the cheapest that undici can do.
 * Usage: node bench/floor-dispatch.ts PORT UPSTREAM_URL
 */
import { createServer, type ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'

const [port, upstream] = process.argv.slice(2)
if (port === undefined || upstream === undefined) throw new Error('usage: floor-dispatch.ts PORT UPSTREAM_URL')
const pool = new Pool(upstream)
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding'])

/** Name, value, name, value without the headers of one hop. */
const endToEnd = (raw: readonly (string | Buffer)[]): string[] => {
  const kept: string[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = String(raw[index])
    if (!hopByHop.has(name.toLowerCase())) kept.push(name, String(raw[index + 1]))
  }
  return kept
}

const answering = (response: ServerResponse): Dispatcher.DispatchHandler => ({
  onRequestStart() {},
  onResponseStart(controller, status) {
    const { rawHeaders } = controller
    response.writeHead(status, Array.isArray(rawHeaders) ? endToEnd(rawHeaders) : {})
  },
  onResponseData(controller, chunk) {
    if (response.write(chunk)) return
    controller.pause()
    response.once('drain', () => controller.resume())
  },
  onResponseEnd() {
    response.end()
  },
  onResponseError() {
    if (response.headersSent) response.destroy()
    else response.writeHead(502).end()
  },
})

createServer((request, response) => {
  const hasBody = request.headers['transfer-encoding'] !== undefined || request.headers['content-length'] !== undefined
  const { method = 'GET', url = '/' } = request
  pool.dispatch({ method, path: url, headers: endToEnd(request.rawHeaders), body: hasBody ? request : null }, answering(response))
}).listen(Number(port), '127.0.0.1')
