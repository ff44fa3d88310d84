import type { ChildProcess } from 'node:child_process'
import type { MetricSnapshot } from '../fleet.ts'
import { isWorkerAnswer, WorkerError } from './messages.ts'
import type { WorkerAnswer, WorkerOperation, WorkerOperations, WorkerRequest } from './messages.ts'

/** One worker process as the supervisor sees it. */
export interface Member {
  readonly index: number
  readonly pid: number
  /** Milliseconds on the monotonic clock. */
  readonly startedAtMs: number
  /** Last metrics seen, so that what a dead worker counted is not lost from the sums. */
  lastMetrics: readonly MetricSnapshot[]
  readonly alive: boolean
  /** Rejects with WorkerError when the worker fails the operation, ends, or does not answer within `timeoutMs`. */
  ask<Operation extends WorkerOperation>(
    operation: Operation,
    body: WorkerOperations[Operation]['request'],
    timeoutMs: number,
  ): Promise<WorkerOperations[Operation]['answer']>
  /** Ends the process without asking. */
  kill(): void
  /** Settles when the process has ended, with how it ended: `exit code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>
}

interface Waiting {
  readonly resolve: (body: unknown) => void
  readonly reject: (error: WorkerError) => void
  readonly timer: NodeJS.Timeout | undefined
}

export const member = (child: ChildProcess, index: number, nowMs: number): Member => {
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let alive = true

  const settle = (answer: WorkerAnswer): void => {
    const request = waiting.get(answer.id)
    if (request === undefined) return
    waiting.delete(answer.id)
    clearTimeout(request.timer)
    if (answer.ok) request.resolve(answer.body)
    else request.reject(new WorkerError(answer.error))
  }

  child.on('message', (message: unknown) => {
    if (isWorkerAnswer(message)) settle(message)
  })

  const ended = new Promise<string>((resolve) => {
    const end = (how: string): void => {
      if (!alive) return
      alive = false
      for (const id of waiting.keys()) settle({ id, ok: false, error: { message: `worker ${index} ended (${how})` } })
      resolve(how)
    }
    child.on('exit', (code, signal) => end(signal === null ? `exit code ${code ?? 0}` : `signal ${signal}`))
    // Also emitted when a message cannot be delivered; only a process that never started has no exit to follow.
    child.on('error', (error) => {
      if (child.pid === undefined) end(error.message)
    })
  })

  const ask = (operation: WorkerOperation, body: unknown, timeoutMs: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      lastId += 1
      const id = lastId
      const fail = (message: string): void => settle({ id, ok: false, error: { message } })
      const timer = Number.isFinite(timeoutMs)
        ? setTimeout(() => fail(`worker ${index} did not answer within ${timeoutMs} ms (${operation})`), timeoutMs)
        : undefined
      waiting.set(id, { resolve, reject, timer })
      if (!alive || !child.connected) return fail(`worker ${index} has ended`)
      const request: WorkerRequest = { id, operation, body }
      child.send(request, (error) => {
        if (error !== null) fail(`worker ${index} cannot be reached: ${error.message}`)
      })
    })

  return {
    index,
    pid: child.pid ?? 0,
    startedAtMs: nowMs,
    lastMetrics: [],
    get alive() {
      return alive
    },
    // The worker of the same program answers each operation with its own type, which `worker` holds to.
    ask: ask as Member['ask'],
    kill: () => void child.kill('SIGKILL'),
    ended,
  }
}
