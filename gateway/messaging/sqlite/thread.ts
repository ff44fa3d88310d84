import { enableCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { openDatabase, placeOf } from './database.ts'
import type { ProgramOpener, SqliteProgram, Tick } from './program.ts'
import type { Call, FromThread, ThreadData, ToThread } from './protocol.ts'
import { failureOf, isBusy } from './store-error.ts'
import { transactions } from './transaction.ts'

/** Entry of the thread that `sqliteThread` starts: owns the connection, takes batches of calls, posts batches of answers. */

type AnyOperations = Record<string, { readonly request: unknown; readonly answer: unknown }>
const busyPauseMs = 10

type Opener = ProgramOpener<AnyOperations, unknown, unknown>

/** Calls `tick` when the earliest time that was asked for has come. */
function ticker(tick: () => void): { in(ms: number): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined
  let at = Infinity
  let stopped = false
  const run = (): void => {
    at = Infinity
    tick()
  }
  return {
    in: (ms) => {
      const wanted = performance.now() + ms
      if (stopped || wanted >= at) return
      clearTimeout(timer)
      at = wanted
      timer = setTimeout(run, ms)
    },
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** Events wait for the commit of the transaction that they come from. */
function outbox(post: (message: FromThread, transfer: ArrayBuffer[]) => void): {
  emit(event: unknown, transfer?: readonly ArrayBuffer[]): void
  begin(): void
  end(answers: Extract<FromThread, { type: 'batch' }>['answers'], committed: boolean): void
} {
  let events: unknown[] = []
  let transfers: ArrayBuffer[] = []
  let open = false
  return {
    emit: (event, transfer = []) => {
      events.push(event)
      for (const buffer of transfer) transfers.push(buffer)
      if (open) return
      post({ type: 'batch', answers: [], events }, transfers)
      events = []
      transfers = []
    },
    begin: () => {
      open = true
    },
    end: (answers, committed) => {
      open = false
      if (committed && (answers.length > 0 || events.length > 0)) post({ type: 'batch', answers, events }, transfers)
      if (!committed && answers.length > 0) post({ type: 'batch', answers, events: [] }, [])
      events = []
      transfers = []
    },
  }
}

async function start(port: MessagePort, settings: ThreadData): Promise<void> {
  const module = (await import(settings.program)) as { readonly open: Opener }
  const database = openDatabase(settings.path, settings.busyMs)
  const isInPlace = placeOf(settings.path)
  const post = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)
  const out = outbox(post)
  const look = (): Tick | undefined => {
    try {
      return program.tick?.()
    } catch (error) {
      // Readers are only turned away for moments: while another process recovers the log of one that has died.
      if (isBusy(error)) return { againMs: busyPauseMs }
      throw error
    }
  }
  const ticks = ticker(() => {
    const answer = look()
    if (answer?.write !== undefined) run([], [answer.write])
    if (answer !== undefined) ticks.in(answer.againMs)
  })
  const program: SqliteProgram<AnyOperations> = module.open(database, settings.data, out.emit, ticks.in)
  const transact = transactions(database, program, settings.busyMs)

  const run = (calls: readonly Call[], writes: readonly (() => void)[]): void => {
    out.begin()
    const { answers, failure } = transact(calls, writes)
    // Ends the thread before anything is confirmed; its owner opens a new file.
    if (failure === undefined && !isInPlace()) throw new Error(`${settings.path} was removed or replaced`)
    out.end(answers, failure === undefined)
    if (failure !== undefined && calls.length === 0) post({ type: 'failure', failure })
  }

  const waiting: Call[] = []
  let scheduled = false
  let closing = false
  const close = (): void => {
    ticks.stop()
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
  ticks.in(0)
}

// A thread has a cache of its own; without it each start of a gateway with queues would strip and compile the program anew.
enableCompileCache()
if (parentPort === null) throw new Error('this file is the entry of a worker thread')
const port = parentPort
start(port, workerData as ThreadData).catch((error: unknown) => {
  port.postMessage({ type: 'unusable', failure: failureOf(error, 'io') } satisfies FromThread)
  port.close()
})
