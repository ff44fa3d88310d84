import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { openDatabase } from './database.ts'
import type { ProgramOpener, SqliteProgram } from './program.ts'
import type { Call, FromThread, ThreadData, ToThread } from './protocol.ts'
import { failureOf } from './store-error.ts'
import { transactions } from './transaction.ts'

/** Entry of the thread that `sqliteThread` starts: owns the connection, takes batches of calls, posts batches of answers. */

type AnyOperations = Record<string, { readonly request: unknown; readonly answer: unknown }>
type Opener = ProgramOpener<AnyOperations, unknown, unknown>

async function start(port: MessagePort, settings: ThreadData): Promise<void> {
  const module = (await import(settings.program)) as { readonly open: Opener }
  const database = openDatabase(settings.path, settings.busyMs)
  let events: unknown[] = []
  let transfers: ArrayBuffer[] = []
  let writing = false
  const post = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)
  const emit = (event: unknown, transfer: readonly ArrayBuffer[] = []): void => {
    if (!writing) {
      post({ type: 'batch', answers: [], events: [event] }, [...transfer])
      return
    }
    events.push(event)
    for (const buffer of transfer) transfers.push(buffer)
  }
  const program: SqliteProgram<AnyOperations> = module.open(database, settings.data, emit)
  const transact = transactions(database, program, settings.busyMs)

  const run = (calls: readonly Call[], writes: readonly (() => void)[]): void => {
    writing = true
    const { answers, failure } = transact(calls, writes)
    writing = false
    const committed = failure === undefined
    if (!committed && calls.length === 0) post({ type: 'failure', failure })
    else post({ type: 'batch', answers, events: committed ? events : [] }, committed ? transfers : [])
    events = []
    transfers = []
  }

  const waiting: Call[] = []
  let scheduled = false
  let closing = false
  let timer: NodeJS.Timeout | undefined
  const tick = (): void => {
    clearTimeout(timer)
    const { againMs, write } = program.tick?.() ?? { againMs: Infinity, write: undefined }
    if (write !== undefined) run([], [write])
    if (Number.isFinite(againMs)) timer = setTimeout(tick, againMs)
  }
  const close = (): void => {
    clearTimeout(timer)
    program.close?.()
    database.close()
    port.close()
  }
  const drain = (): void => {
    scheduled = false
    const calls = waiting.splice(0, settings.maxCallsPerTransaction)
    if (calls.length > 0) run(calls, [])
    if (waiting.length > 0) schedule()
    else if (closing) close()
  }
  // All messages that arrived during the last transaction are read before the check phase of the loop: together they are the next one.
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(drain)
  }
  port.on('message', (message: ToThread) => {
    if (message.type === 'close') closing = true
    else for (const call of message.calls) waiting.push(call)
    schedule()
  })
  post({ type: 'open' })
  tick()
}

if (parentPort === null) throw new Error('this file is the entry of a worker thread')
const port = parentPort
start(port, workerData as ThreadData).catch((error: unknown) => {
  port.postMessage({ type: 'unusable', failure: failureOf(error, 'io') } satisfies FromThread)
  port.close()
})
