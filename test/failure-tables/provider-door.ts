import { createServer, request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it came to the provider. */
export interface Knock {
  /** On the monotonic clock. */
  readonly atMs: number
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface DoorReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/**
 * What becomes of a request:
 * - `pass`: it reaches the provider, and the answer its sender.
 * - `mute`: the provider does its work, its answer is kept back for ever.
 * - `cut`: the provider does its work, then the connection breaks.
 * - `refuse`: the connection breaks before the provider hears of it.
 * - an answer: it is given in place of the provider, which hears nothing.
 * - `spoil`: the provider does its work; its answer is replaced by this one.
 */
export type Treatment = 'pass' | 'mute' | 'cut' | 'refuse' | DoorReply | { readonly spoil: DoorReply }

/** Stands in front of a provider: sees every request with its time, and is what goes wrong between the two. */
export interface ProviderDoor {
  readonly url: string
  readonly port: number
  readonly knocks: readonly Knock[]
  /** Those with an effect. */
  posts(): readonly Knock[]
  /** For the next requests, one each; after them those of `always`. */
  script(...treatments: readonly Treatment[]): void
  /** `pass` at first. @param method Others pass. */
  always(treatment: Treatment, method?: string): void
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const bytesOf = async (stream: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces)
}

const forwarded = (to: string, { method = 'GET', url = '/', headers }: IncomingMessage, body: Buffer): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const onward = httpRequest(to + url, { method, headers, agent: false }, (answer) => {
      bytesOf(answer).then((bytes) => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: bytes }), reject)
    })
    onward.on('error', reject)
    onward.end(body)
  })

const say = (response: ServerResponse, { status, headers, body }: DoorReply): void => {
  response.writeHead(status, { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

/** @param provider Where it is. */
export async function startDoor(provider: string): Promise<ProviderDoor> {
  const knocks: Knock[] = []
  const script: Treatment[] = []
  let otherwise: { readonly treatment: Treatment; readonly method: string | undefined } = { treatment: 'pass', method: undefined }
  const usual = (method: string): Treatment => (otherwise.method === undefined || otherwise.method === method ? otherwise.treatment : 'pass')

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bytesOf(request)
    const { method = 'GET', url: path = '/', headers } = request
    knocks.push({ atMs: performance.now(), method, path, headers, body: body.toString() })
    const treatment = script.shift() ?? usual(method)
    if (treatment === 'refuse') return void request.socket.destroy()
    if (typeof treatment === 'object' && 'status' in treatment) return say(response, treatment)
    const answer = await forwarded(provider, request, body)
    if (treatment === 'mute') return
    if (treatment === 'cut') return void request.socket.destroy()
    if (typeof treatment === 'object') return say(response, treatment.spoil)
    response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    knocks,
    posts: () => knocks.filter(({ method }) => method === 'POST'),
    script: (...treatments) => void script.push(...treatments),
    always: (treatment, method) => void (otherwise = { treatment, method }),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
