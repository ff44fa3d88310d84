import { ask } from '../kit/ask.ts'
import { until } from '../kit/until.ts'

/** What a caller was told. */
export interface ToldCaller {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Readonly<Record<string, unknown>>
  readonly ms: number
}

/** Somebody who asks a gateway for something, as any client would. */
export interface Caller {
  post(path: string, body: object, headers?: Record<string, string>): Promise<ToldCaller>
  get(path: string): Promise<ToldCaller>
  /** The status resource that an answer named, once it shows this status. */
  statusOf(told: ToldCaller, status: string, waitMs?: number): Promise<ToldCaller>
}

/** @param gateway Its address. */
export function caller(gateway: string): Caller {
  const asked = async (path: string, options: Parameters<typeof ask>[1]): Promise<ToldCaller> => {
    const { status, headers, body, ms } = await ask(gateway + path, options)
    return { status, headers, body: JSON.parse(body) as ToldCaller['body'], ms }
  }
  const get: Caller['get'] = (path) => asked(path, {})
  return {
    post: (path, body, headers = {}) =>
      asked(path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }),
    get,
    async statusOf(told, status, waitMs = 15_000) {
      let found: ToldCaller | undefined
      const shown = async (): Promise<boolean> => {
        found = await get(String(told.body['status_url']))
        return found.body['status'] === status
      }
      await until(`the status is ${status}`, shown, waitMs).catch((error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : ''}; it was ${JSON.stringify(found)}`)
      })
      return found as ToldCaller
    },
  }
}
