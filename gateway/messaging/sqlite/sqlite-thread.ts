import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { OperationsOf } from './program.ts'
import type { Answer, Call, FromThread, ThreadData, ToThread } from './protocol.ts'
import { StoreError, failureOf } from './store-error.ts'
import type { StoreFailure } from './store-error.ts'

export interface SqliteThreadOptions<Event> {
  /** Module that exports `open`, a `ProgramOpener`: `new URL(\`./program${extname(import.meta.url)}\`, import.meta.url)`. */
  readonly program: URL
  /** The file, absolute. */
  readonly path: string
  /** Handed to the program; cloned. */
  readonly data?: unknown
  /** How long to wait for the write lock while another process has it, in milliseconds. Default 5,000. */
  readonly busyMs?: number
  /** Calls that may share a transaction. Default 1,000. */
  readonly maxCallsPerTransaction?: number
  onEvent?(event: Event): void
  /** Periodic work could not be stored; the next tick tries again. */
  onFailure?(failure: StoreFailure): void
  /** Once, when the thread has ended without `close`: every pending call was rejected, later ones are. The owner starts another one. */
  onEnd?(error: StoreError): void
}

/** An SQLite file, its connection in a thread of its own: flushing the disk never holds up the event loop. */
export interface SqliteThread<Operations extends OperationsOf<Operations>> {
  /** Resolves when the file is open. Never needed before `call`. @throws {StoreError} The file cannot be used; the thread has ended. */
  readonly opened: Promise<void>
  /**
   * Calls made while the last transaction is being stored share the next one. Nothing bounds how many may wait: the caller does.
   * @param transfer Buffers that are handed over instead of copied; unusable here afterwards.
   * @throws {StoreError}
   */
  call<Name extends keyof Operations & string>(
    name: Name,
    request: Operations[Name]['request'],
    transfer?: readonly ArrayBuffer[],
  ): Promise<Operations[Name]['answer']>
  /** Lets pending calls end, closes the file, ends the thread. Idempotent. */
  close(): Promise<void>
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: StoreError): void
}

/** How long `close` waits for the thread before it cuts it off. */
const closeTimeoutMs = 10_000

export function sqliteThread<Operations extends OperationsOf<Operations>, Event = never>(
  options: SqliteThreadOptions<Event>,
): SqliteThread<Operations> {
  const settings: ThreadData = {
    program: options.program.href,
    path: options.path,
    data: options.data,
    busyMs: options.busyMs ?? 5000,
    maxCallsPerTransaction: options.maxCallsPerTransaction ?? 1000,
  }
  // node:sqlite warns that it is experimental on the older versions of Node that are supported.
  const worker = new Worker(new URL(`./thread${extname(import.meta.url)}`, import.meta.url), {
    workerData: settings,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    name: 'sqlite',
  })
  const pending = new Map<number, Waiting>()
  const opened = Promise.withResolvers<void>()
  // Whoever does not ask learns of it by `onEnd` and by his calls.
  opened.promise.catch(() => undefined)
  let calls: Call[] = []
  let transfers: ArrayBuffer[] = []
  let flushing = false
  let nextId = 1
  let end: StoreError | undefined
  let closed: Promise<void> | undefined
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => resolve())
  })

  const send = (message: ToThread, moved: readonly ArrayBuffer[] = []): void => worker.postMessage(message, moved)
  const finish = (error: StoreError): void => {
    if (end !== undefined) return
    end = error
    opened.reject(error)
    for (const waiting of pending.values()) waiting.reject(error)
    pending.clear()
    calls = []
    transfers = []
    if (closed === undefined) options.onEnd?.(error)
  }
  const settle = (answer: Answer): void => {
    const waiting = pending.get(answer.id)
    pending.delete(answer.id)
    if (answer.ok) waiting?.resolve(answer.value)
    else waiting?.reject(new StoreError(answer.failure))
  }
  const flush = (): void => {
    flushing = false
    if (calls.length === 0) return
    const batch = calls
    const moved = transfers
    calls = []
    transfers = []
    try {
      send({ type: 'calls', calls: batch }, moved)
    } catch (error) {
      // Something in a request cannot be cloned, or a buffer was handed over twice.
      for (const { id } of batch) settle({ id, ok: false, failure: failureOf(error) })
    }
  }
  const schedule = (): void => {
    if (flushing) return
    flushing = true
    // An idle thread gets the call at once; a busy one would not take it up sooner, so that a whole turn of the loop goes in one message.
    if (pending.size > 1) setImmediate(flush)
    else queueMicrotask(flush)
  }

  worker.on('message', (message: FromThread) => {
    if (message.type === 'open') opened.resolve()
    else if (message.type === 'failure') options.onFailure?.(message.failure)
    else if (message.type === 'unusable') finish(new StoreError(message.failure))
    else {
      for (const answer of message.answers) settle(answer)
      for (const event of message.events) options.onEvent?.(event as Event)
    }
  })
  worker.on('messageerror', (error: Error) => finish(new StoreError({ kind: 'ended', message: 'an answer of the store could not be read' }, error)))
  worker.on('error', (error: unknown) => finish(new StoreError({ kind: 'ended', message: 'the thread of the store has failed' }, error)))
  worker.on('exit', () => finish(new StoreError({ kind: 'ended', message: 'the store is closed' })))

  const call: SqliteThread<Operations>['call'] = (name, request, transfer = []) => {
    if (end !== undefined || closed !== undefined) {
      return Promise.reject(end ?? new StoreError({ kind: 'ended', message: 'the store is closed' }))
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    pending.set(nextId, { resolve, reject })
    calls.push({ id: nextId, operation: name, request })
    nextId += 1
    for (const buffer of transfer) transfers.push(buffer)
    schedule()
    return promise
  }
  const close = async (): Promise<void> => {
    flush()
    send({ type: 'close' })
    const cut = setTimeout(() => void worker.terminate(), closeTimeoutMs)
    await exited
    clearTimeout(cut)
  }
  return { opened: opened.promise, call, close: () => (closed ??= close()) }
}
