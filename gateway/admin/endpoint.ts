import type { Answer } from './respond.ts'

/** One thing that can be asked of the admin listener. */
export interface Endpoint {
  readonly method: 'GET' | 'POST'
  /** `{name}` stands for one segment of the path. */
  readonly path: string
  readonly summary: string
  /** May take as long as there are messages: silence on the connection does not end it. */
  readonly long?: boolean
  readonly answer: (asked: Asked) => Promise<Answer>
}

/** What an endpoint may know of the request. */
export interface Asked {
  /** By the names in the path of the endpoint, percent-decoded. */
  readonly parameters: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: Buffer
  /** Aborted when the client has gone. */
  readonly gone: AbortSignal
}
