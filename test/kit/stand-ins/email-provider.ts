import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A mail as a provider has taken it. */
export interface TakenMail {
  /** Of the intent, as the mail carries it. */
  readonly key: string
  readonly to: readonly string[]
  readonly subject: string
  readonly template: string | undefined
  readonly data: unknown
}

export interface ProviderRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface ProviderReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Taken by this request. */
  readonly mails?: readonly TakenMail[]
}

/**
 * - `lose_answer`: the mails are taken, then the connection breaks.
 * - `lose_request`: the connection breaks, nothing is taken.
 * - `hang`: nothing is taken, nothing is said.
 * - an answer: it is given instead, nothing is taken.
 */
export type EmailFault = 'lose_answer' | 'lose_request' | 'hang' | ProviderReply

/** A provider of mail that remembers what it took, and fails as it is told. */
export interface EmailProvider {
  readonly url: string
  readonly port: number
  /** In the order in which they came, those included whose answer was lost. */
  mails(): readonly TakenMail[]
  /** How many mails came with each key. */
  countByKey(): ReadonlyMap<string, number>
  requests(): readonly ProviderRequest[]
  /** What happens to the next requests, one each. */
  script(...faults: readonly EmailFault[]): void
  /** Refuses connections. */
  down(): Promise<void>
  /** Takes connections again, at the same port. */
  up(): Promise<void>
  close(): Promise<void>
}

/** @param speak How this provider answers when nothing is wrong. */
export async function startEmailProvider(speak: (request: ProviderRequest) => ProviderReply): Promise<EmailProvider> {
  const mails: TakenMail[] = []
  const requests: ProviderRequest[] = []
  const faults: EmailFault[] = []

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = []
    for await (const piece of incoming as AsyncIterable<Buffer>) pieces.push(piece)
    const { method = 'GET', url: path = '/', headers } = incoming
    const request = { method, path, headers, body: Buffer.concat(pieces).toString() }
    requests.push(request)
    const fault = faults.shift()
    if (fault === 'hang') return
    if (fault === 'lose_request') return void incoming.socket.destroy()
    const { status, headers: own, body, mails: taken = [] } = typeof fault === 'object' ? fault : speak(request)
    mails.push(...taken)
    if (fault === 'lose_answer') return void incoming.socket.destroy()
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    response.writeHead(status, { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...own }).end(text)
  }

  const listen = async (port: number): Promise<Server> => {
    const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()))
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  const stop = async (server: Server): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  let server: Server | undefined = await listen(0)
  const { port } = server.address() as AddressInfo
  const down = async (): Promise<void> => {
    if (server !== undefined) await stop(server)
    server = undefined
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    mails: () => mails,
    countByKey: () =>
      Map.groupBy(mails, ({ key }) => key)
        .entries()
        .reduce((counts, [key, same]) => counts.set(key, same.length), new Map<string, number>()),
    requests: () => requests,
    script: (...more) => void faults.push(...more),
    down,
    async up() {
      server ??= await listen(port)
    },
    close: down,
  }
}
