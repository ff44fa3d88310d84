import type { BrokerDeps, BrokerStatus } from '../broker.ts'
import { sqliteThread } from '../sqlite/sqlite-thread.ts'
import type { SqliteThread } from '../sqlite/sqlite-thread.ts'
import { StoreError } from '../sqlite/store-error.ts'
import type { StoreFailure } from '../sqlite/store-error.ts'
import { readOnlyOperations } from './operations.ts'
import type { BrokerData, BrokerEvent, BrokerOperations } from './operations.ts'

/** The thread of a broker, restarted when it dies. */
export interface Connection {
  readonly state: BrokerStatus['state']
  readonly reconnects: number
  readonly lastError: string | undefined
  /** Starts the thread unless it runs or is about to. */
  start(): void
  /** Resolves when the file is open. @throws {StoreError} It could not be opened just now. */
  opened(): Promise<void>
  /** @throws {StoreError} */
  call: SqliteThread<BrokerOperations>['call']
  /** Gives up until the next `start`. */
  stop(): void
  close(): Promise<void>
}

export interface ConnectionOptions extends Pick<BrokerDeps, 'log' | 'random'> {
  readonly name: string
  readonly path: string
  /** Module that runs in the thread. */
  readonly program: URL
  clockAheadMs(): number
  onEvent(event: BrokerEvent): void
  /** The file is open (again): tell it what is declared and who subscribes. */
  onOpen(): void
  /** The thread has gone with every delivery it knew. */
  onLost(): void
}

const reads = new Set<keyof BrokerOperations>(readOnlyOperations)
const firstPauseMs = 100
const longestPauseMs = 5000

export function connection(options: ConnectionOptions): Connection {
  const { name, path, log } = options
  let thread: SqliteThread<BrokerOperations> | undefined
  let state: BrokerStatus['state'] = 'connecting'
  let reconnects = 0
  let failures = 0
  let lastError: string | undefined
  let timer: NodeJS.Timeout | undefined
  let wasOpen = false

  const failed = ({ kind, message }: StoreFailure): void => {
    // What ended the thread has been told, and why.
    if (kind === 'operation' || kind === 'ended') return
    lastError = message
    if (state !== 'connected') return
    state = 'blocked'
    log.error({ broker: name, file: path, err: message }, 'the embedded broker cannot store anything at the moment')
  }
  const worked = (): void => {
    if (state !== 'blocked') return
    state = 'connected'
    log.info({ broker: name, file: path }, 'the embedded broker stores again')
  }
  const ended = (error: StoreError): void => {
    thread = undefined
    lastError = error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
    options.onLost()
    if (state === 'closed') return
    // Once per outage: the tries in between change nothing.
    if (state !== 'connecting' || failures === 0) log.error({ broker: name, file: path, err: lastError }, 'the embedded broker has lost its file')
    state = 'connecting'
    failures += 1
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures - 1, 10)) * (0.5 + options.random() / 2)
    timer = setTimeout(start, pauseMs)
  }
  const start = (): void => {
    if (thread !== undefined || state === 'closed') return
    clearTimeout(timer)
    const data: BrokerData = { path, clockAheadMs: options.clockAheadMs() }
    const started = sqliteThread<BrokerOperations, BrokerEvent>({
      program: options.program,
      path,
      data,
      onEvent: options.onEvent,
      onFailure: failed,
      onEnd: ended,
    })
    thread = started
    void watch(started)
  }
  const watch = async (started: SqliteThread<BrokerOperations>): Promise<void> => {
    try {
      await started.opened
    } catch {
      // `ended` was told.
      return
    }
    if (thread !== started || state === 'closed') return
    state = 'connected'
    failures = 0
    if (wasOpen) {
      reconnects += 1
      log.info({ broker: name, file: path }, 'the embedded broker has its file again')
    }
    wasOpen = true
    options.onOpen()
  }

  return {
    get state() {
      return state
    },
    get reconnects() {
      return reconnects
    },
    get lastError() {
      return lastError
    },
    start,
    opened: () => thread?.opened ?? Promise.reject(new StoreError({ kind: 'ended', message: lastError ?? 'the file is not open' })),
    call: async (operation, request, transfer) => {
      if (thread === undefined) throw new StoreError({ kind: 'ended', message: lastError ?? 'the file is not open' })
      try {
        const answer = await thread.call(operation, request, transfer)
        if (!reads.has(operation)) worked()
        return answer
      } catch (error) {
        if (error instanceof StoreError) failed(error)
        throw error
      }
    },
    stop: () => {
      clearTimeout(timer)
    },
    close: async () => {
      state = 'closed'
      clearTimeout(timer)
      await thread?.close()
      thread = undefined
    },
  }
}
