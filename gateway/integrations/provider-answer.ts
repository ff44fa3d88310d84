import type { Dispatcher } from 'undici'
import { failureOfStatus, type Json, type ProviderAnswer, ProviderFailure } from '../plugin.ts'

const maxBodyBytes = 8 * 1024 * 1024
const maxInformational = 16

/** One attempt, as undici's handler; calls back once. */
export class AnswerReader implements Dispatcher.DispatchHandler {
  /** Whether any byte of the request may have reached the provider. */
  sent = false
  #status = 0
  #headers: Record<string, string> = {}
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #informational = 0
  #controller: Dispatcher.DispatchController | undefined
  #done = false
  readonly #resolve: (answer: ProviderAnswer) => void
  readonly #reject: (failure: ProviderFailure) => void
  readonly #failure: (error: Error, sent: boolean, status: number) => ProviderFailure

  constructor(
    resolve: (answer: ProviderAnswer) => void,
    reject: (failure: ProviderFailure) => void,
    failure: (error: Error, sent: boolean, status: number) => ProviderFailure,
  ) {
    this.#resolve = resolve
    this.#reject = reject
    this.#failure = failure
  }

  /** Ends the attempt, wherever it is. */
  abort(reason: Error): void {
    if (this.#done) return
    // Without a controller it waits for a connection; undici lets go of it when it would be its turn.
    this.#controller?.abort(reason)
    this.#fail(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#done) {
      controller.abort(new Error('nobody waits for it any more'))
      return
    }
    this.sent = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status < 200) {
      this.#informational += 1
      if (this.#informational > maxInformational) this.#refuse(controller, 'more informational answers than any protocol needs')
      return
    }
    this.#status = status
    this.#headers = joined(headers)
    const encoding = this.#headers['content-encoding'] ?? 'identity'
    if (encoding.toLowerCase() !== 'identity') this.#refuse(controller, `an answer in the coding ${encoding.slice(0, 20)}, which was not asked for`)
    else if (Number(this.#headers['content-length']) > maxBodyBytes) this.#refuse(controller, tooLarge)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > maxBodyBytes) this.#refuse(controller, tooLarge)
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    if (this.#done) return
    this.#done = true
    this.#resolve(answerOf(this.#status, this.#headers, Buffer.concat(this.#chunks)))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error)
  }

  #refuse(controller: Dispatcher.DispatchController, what: string): void {
    const error = new UnusableAnswer(what)
    controller.abort(error)
    this.#fail(error)
  }

  #fail(error: Error): void {
    if (this.#done) return
    this.#done = true
    this.#reject(this.#failure(error, this.sent, this.#status))
  }
}

/** What came is an answer, but none that can be used. */
export class UnusableAnswer extends Error {}

const tooLarge = `an answer of more than ${maxBodyBytes / 1024 / 1024} MiB`

const joined = (headers: Record<string, string | string[] | undefined>): Record<string, string> => {
  const result: [string, string][] = []
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) result.push([name, Array.isArray(value) ? value.join(', ') : value])
  return Object.fromEntries(result)
}

const answerOf = (status: number, headers: Readonly<Record<string, string>>, body: Buffer): ProviderAnswer => ({
  status,
  headers,
  body,
  json: () => {
    try {
      const parsed: Json = JSON.parse(body.toString('utf8')) as Json
      return parsed
    } catch (cause) {
      throw new ProviderFailure('invalid_response', `The answer (${status}) is not JSON`, { executed: executedOf(status), status, cause })
    }
  },
})

/** Whether the effect may have happened when an answer of this status cannot be read. */
export const executedOf = (status: number): 'no' | 'unknown' => (status >= 400 && failureOfStatus(status).executed === 'no' ? 'no' : 'unknown')
