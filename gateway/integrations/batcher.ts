import type { Json, OperationCall, ProviderFailure } from '../plugin.ts'
import { longestTimerMs } from '../services/timer.ts'
import { isProviderFailure } from './failure.ts'

/** The failure of a call, as the function around it throws one. */
export type BatchAnswer = Json | ProviderFailure

export interface BatcherOptions {
  readonly size: number
  readonly maxWaitMs: number
  /** Sends several calls as one. Never called with more than `size`, or with none. */
  send(calls: readonly OperationCall[], signal: AbortSignal): Promise<readonly BatchAnswer[]>
  /** What a call gets whose batch came back with another number of answers. */
  mismatch(): Error
  /** What a call gets that was given up before its batch was sent. */
  givenUp(): Error
}

export interface Batcher {
  /** @throws what `send` threw, or the failure that it answered for this call. */
  add(call: OperationCall): Promise<Json>
  /** Sends at once what waits, and what comes from now on: nobody has the time. */
  hurry(): void
}

interface Waiting {
  readonly call: OperationCall
  resolve(output: Json): void
  reject(error: unknown): void
}

/** Collects calls until there are `size`, or until the first one has waited for `maxWaitMs`. */
export function batcher({ size, maxWaitMs, send, mismatch, givenUp }: BatcherOptions): Batcher {
  let waiting: Waiting[] = []
  let timer: NodeJS.Timeout | undefined
  let waitMs = Math.min(maxWaitMs, longestTimerMs)

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const batch = waiting
    waiting = []
    if (batch.length > 0) void dispatch(batch)
  }

  const dispatch = async (batch: readonly Waiting[]): Promise<void> => {
    const controller = new AbortController()
    let left = batch.length
    // One caller who has given up must not break off what the others wait for.
    const leave = (): void => {
      left -= 1
      if (left === 0) controller.abort(batch[0]?.call.signal.reason)
    }
    for (const { call } of batch) call.signal.addEventListener('abort', leave, { once: true })
    try {
      const calls = batch.map(({ call }) => call)
      const answers = await send(calls, controller.signal)
      if (answers.length !== batch.length) throw mismatch()
      for (const [index, one] of batch.entries()) {
        const answer = answers[index] as BatchAnswer
        if (isProviderFailure(answer)) one.reject(answer)
        else one.resolve(answer)
      }
    } catch (error) {
      for (const one of batch) one.reject(error)
    } finally {
      for (const { call } of batch) call.signal.removeEventListener('abort', leave)
    }
  }

  return {
    add: (call) =>
      new Promise((resolve, reject) => {
        const one: Waiting = { call, resolve, reject }
        waiting.push(one)
        call.signal.addEventListener(
          'abort',
          () => {
            if (!waiting.includes(one)) return
            waiting = waiting.filter((other) => other !== one)
            if (waiting.length === 0) clearTimeout(timer)
            reject(givenUp())
          },
          { once: true },
        )
        if (waiting.length >= size) flush()
        else if (waiting.length === 1) timer = setTimeout(flush, waitMs)
      }),
    hurry: () => {
      waitMs = 0
      flush()
    },
  }
}
