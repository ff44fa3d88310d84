import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { npmSource, npmTool } from './npm-tool.ts'
import { serverProcess } from './server-process.ts'
import type { ServerProcess } from './server-process.ts'
import { freePort } from './servers.ts'
import type { ServerSource } from './servers.ts'
import { mended } from './specifications.ts'

/** @param specifications What the suite obtains besides: `() => paypalSpecification('checkout_orders_v2')`. */
export const prismSource = (...specifications: readonly (() => Promise<string>)[]): Promise<ServerSource> =>
  npmSource('prism', () => Promise.all([npmTool('prism'), ...specifications.map((obtain) => obtain())]))

/** Stoplight's prism, a stand-in made from vendors' OpenAPI: it holds every request against them and answers with their examples. */
export interface PrismServer {
  readonly url: string
  readonly port: number
  /** What it found wrong with the requests until now, oldest first: unknown paths and missing credentials too. */
  violations(): readonly Violation[]
  /** `POST /v2/checkout/orders`, in the order of their arrival, each with its lower-case headers and body. */
  requests(): readonly PrismRequest[]
  stop(): Promise<void>
}

export interface PrismRequest {
  /** `POST /v2/checkout/orders?x=1` */
  readonly request: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** Of the answer. */
  readonly status: number
}

export interface Violation {
  readonly request: string
  /** `body.intent`, `header` */
  readonly location: string
  readonly message: string
}

interface PrismAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface PrismOptions {
  /** Tried in this order; `basePath` is what stands in front of their paths in addresses: `/v3`. */
  readonly specifications: readonly { readonly file: string; readonly basePath?: string }[]
  /** Answers what no specification has, such as the vendor's tokens; undefined leaves the request to prism. Not recorded. */
  readonly answer?: (request: { readonly method: string; readonly path: string }) => PrismAnswer | undefined
  /** Chooses among the answers that the specification has. Without it, prism takes the first success that is listed. */
  readonly prefer?: (request: { readonly method: string; readonly path: string }) => { readonly code?: number; readonly example?: string } | undefined
}

const strict = pathToFileURL(join(import.meta.dirname, 'prism-strict.ts')).href

/**
 * One prism for each specification, behind one address. The violations are read from the header in which prism reports them, because its
 * answer to a wrong request is whatever the specification has for one.
 */
export async function startPrism(options: PrismOptions): Promise<PrismServer> {
  const program = join(await npmTool('prism'), 'node_modules', '@stoplight', 'prism-cli', 'dist', 'index.js')
  const folder = await mkdtemp(join(tmpdir(), 'headgate-prism-'))
  const mocks = await Promise.all(
    options.specifications.map(async ({ file, basePath = '' }) => {
      const port = await freePort()
      const mendedFile = join(folder, `${port}.json`)
      await writeFile(mendedFile, JSON.stringify(mended(JSON.parse(await readFile(file, 'utf8')))))
      const args = ['--import', strict, program, 'mock', mendedFile, '--port', String(port), '--host', '127.0.0.1']
      return { port, basePath, process: serverProcess({ name: 'prism', command: process.execPath, args, port }) }
    }),
  )
  const violations: Violation[] = []
  const requests: PrismRequest[] = []
  const front = createServer((request, response) => void forward(request, response).catch(() => response.destroy()))
  const forward = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url: target = '/' } = incoming
    const path = target.split('?')[0] ?? ''
    const body = await bytes(incoming)
    const own = options.answer?.({ method, path })
    if (own !== undefined) return void response.writeHead(own.status, { 'content-type': 'application/json', ...own.headers }).end(own.body)
    const { code, example } = options.prefer?.({ method, path }) ?? {}
    const request = `${method} ${target}`
    let found: { readonly answer: Response; readonly text: string } | undefined
    for (const mock of mocks) {
      if (!target.startsWith(mock.basePath)) continue
      const address = new URL(`http://127.0.0.1:${mock.port}${target.slice(mock.basePath.length)}`)
      // Prism also takes these in a `Prefer` header, which is PayPal's own.
      if (code !== undefined) address.searchParams.set('__code', String(code))
      if (example !== undefined) address.searchParams.set('__example', example)
      const answer = await fetch(address, { method, headers: forwarded(incoming), ...(body.length === 0 ? {} : { body }) })
      found = { answer, text: await answer.text() }
      if (!found.text.includes('#NO_PATH_MATCHED_ERROR')) break
    }
    const status = found?.answer.status ?? 404
    requests.push({ request, headers: incoming.headers, body: body.toString(), status })
    violations.push(...violationsOf(request, found))
    const type = found?.answer.headers.get('content-type')
    response.writeHead(status, type === null || type === undefined ? {} : { 'content-type': type }).end(found?.text)
  }
  const stop = async (): Promise<void> => {
    front.closeAllConnections()
    await Promise.all([closed(front), ...mocks.map((mock) => mock.process.kill())])
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await Promise.all([listening(front), ...mocks.map(({ process: one }: { readonly process: ServerProcess }) => one.start())])
  } catch (error) {
    await stop()
    throw error
  }
  const { port } = front.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, violations: () => violations, requests: () => requests, stop }
}

interface Reported {
  readonly location: readonly string[]
  readonly message: string
}

function violationsOf(request: string, found: { readonly answer: Response; readonly text: string } | undefined): Violation[] {
  if (found === undefined) return [{ request, location: 'path', message: 'no specification has this base path' }]
  const header = found.answer.headers.get('sl-violations')
  const reported = reportedIn(header, found.answer.status)
  const wrong = reported.filter(({ location }) => location[0] === 'request').map((one) => ({ ...one, location: one.location.slice(1) }))
  // Where the specification has no answer to wrong requests, prism gives one of its own, without the header.
  const own = found.text.includes('"https://stoplight.io/prism/errors#')
    ? (JSON.parse(found.text) as { readonly detail: string; readonly validation?: readonly Reported[] })
    : undefined
  const all = wrong.length > 0 || own === undefined ? wrong : (own.validation ?? [{ location: ['path'], message: own.detail }])
  return all.map(({ location, message }) => ({ request, location: location.join('.'), message }))
}

/**
 * Instead of a list that is too long for a header, prism sends a sentence. What makes it long is its own example, which does not fit the
 * schema of the answer; a success is never the answer to a wrong request.
 */
function reportedIn(header: string | null, status: number): readonly Reported[] {
  if (header === null) return []
  if (header.startsWith('[')) return JSON.parse(header) as readonly Reported[]
  return status < 400 ? [] : [{ location: ['request'], message: header }]
}

/** Without what belongs to the connection, or is written anew. */
const hopByHop = new Set(['connection', 'content-length', 'expect', 'host', 'keep-alive', 'transfer-encoding', 'upgrade'])

const forwarded = (incoming: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(incoming.headers).flatMap(([name, value]) => (hopByHop.has(name) || value === undefined ? [] : [[name, String(value)]])),
  )

async function bytes(incoming: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const pieces: Buffer[] = []
  for await (const piece of incoming as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces)
}

const listening = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))
