import type { OperationsOf } from '../sqlite/program.ts'
import { sqliteThread } from '../sqlite/sqlite-thread.ts'
import type { SqliteThread } from '../sqlite/sqlite-thread.ts'
import { StoreError } from '../sqlite/store-error.ts'
import { timeLimited } from './redis/time-limit.ts'
import { storeTrouble } from './store-trouble.ts'
import type { StoreRole, StoreTroubleDeps } from './store-trouble.ts'

export interface StoreThreadOptions<Operations> extends StoreTroubleDeps {
  /** Module of the program, as for `sqliteThread`. */
  readonly program: URL
  /** The file, absolute. */
  readonly path: string
  /** Handed to the program; cloned. */
  readonly data: unknown
  /** Operations that show, when they succeed, that the store works again: on a full disk all can still be read. */
  readonly writes: ReadonlySet<keyof Operations>
  readonly role: StoreRole
}

export interface StoreThread<Operations extends OperationsOf<Operations>> {
  readonly closed: boolean
  /** @throws {GatewayError} As the role of the store says, within 10 s. */
  call<Name extends keyof Operations & string>(name: Name, request: Operations[Name]['request']): Promise<Operations[Name]['answer']>
  close(): Promise<void>
}

/** A store that does not answer for this long counts as away; whoever asked is told to come back. */
const callTimeoutMs = 10_000

/** A thread that has died is started anew by the next call, but no more often than this. */
const restartMs = 1000

/** The thread of a store, started by the first call and replaced when it dies; the log says when it fails and when it works again. */
export function storeThread<Operations extends OperationsOf<Operations>>(options: StoreThreadOptions<Operations>): StoreThread<Operations> {
  const { program, path, data, writes, role, now } = options
  let thread: SqliteThread<Operations> | undefined
  let startedAtMs = -Infinity
  let closed = false
  const trouble = storeTrouble({ path }, options)

  const start = (): SqliteThread<Operations> => {
    startedAtMs = now()
    const started = sqliteThread<Operations>({
      program,
      path,
      data,
      onEnd: () => {
        if (thread === started) thread = undefined
      },
    })
    return started
  }

  const current = (): SqliteThread<Operations> => {
    const tooSoon = Math.abs(now() - startedAtMs) < restartMs
    if (thread === undefined && (closed || tooSoon)) throw new StoreError({ kind: 'ended', message: 'the store is closed' })
    thread ??= start()
    return thread
  }

  return {
    get closed() {
      return closed
    },
    call: async (name, request) => {
      try {
        const answer = await timeLimited(current().call(name, request), callTimeoutMs, tooLate)
        if (writes.has(name)) trouble.over()
        return answer
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind === 'operation') throw error
        if (!closed) trouble.met(error, { kind: error.kind })
        throw role.unavailable(error)
      }
    },
    close: async () => {
      closed = true
      await thread?.close()
    },
  }
}

const tooLate = ({ message }: Error): StoreError => new StoreError({ kind: 'io', message })
