import type { RedisStoreConfig } from '../../../../config/model.ts'
import type { GatewayError } from '../../../errors.ts'
import { statusRole, storeTrouble } from '../store-trouble.ts'
import type { StoreTroubleDeps } from '../store-trouble.ts'
import { shownAddress } from './address.ts'
import { adviseOnServer } from './advice.ts'
import { plainError, redisClient } from './client.ts'
import type { Script } from './scripts.ts'
import { timeLimited } from './time-limit.ts'

/** Commands of one process that may wait for their answer; more are refused at once. */
const maxInFlight = 5000

const tooMany = `${maxInFlight} commands wait for an answer`

const away = new Error('there is no connection')

/** Errors of commands that never left. */
const notSent = /^there is no connection|^Stream isn't writeable|^Connection is closed|^no answer within|commands wait for an answer$/

/**
 * After which errors the connection is of no use. A server says that it is a replica by now, or about to be one, and the Sentinels must be
 * asked anew. Or an answer took too long: then it is the end of a queue that the server does not get through.
 */
const useless = /\bREADONLY\b|^UNBLOCKED\b|^MASTERDOWN\b|cannot be used with replica|^Command timed out/

export type RedisConnectionDeps = StoreTroubleDeps

/** One connection to the primary, made anew whenever it ends or stops answering. Nothing waits in it for a server that is away. */
export interface RedisConnection {
  /** Another number whenever the connection is another one: what was written over one cannot be confirmed over the next. */
  readonly epoch: number
  /** Resolves when the first connection stands. @throws {GatewayError} As the role of the store says, within the time limit of a command. */
  opened(): Promise<void>
  /** @throws {GatewayError} As the role of the store says, within the time limit of a command. */
  run(script: Script, keys: readonly string[], args: readonly (string | number | Buffer)[]): Promise<unknown>
  /** @throws {GatewayError} As the role of the store says */
  call(name: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>
  /** To be told to a caller, after a line in the log. */
  unavailable(error: unknown): GatewayError
  /** What could not be done before can be done now. */
  works(): void
  close(): void
}

/** @param onReady A connection stands, the first or another one. */
export function redisConnection(config: RedisStoreConfig, deps: RedisConnectionDeps, onReady: () => void): RedisConnection {
  const where = { redis: shownAddress(config) }
  const { role = statusRole } = deps
  const trouble = storeTrouble(where, deps)
  let epoch = 0
  let inFlight = 0
  let closed = false
  const { client, close } = redisClient(config, (error) => void (closed || trouble.met(error)))
  let arrived = false
  // Who comes before the first connection stands waits for it, but nobody waits longer than for a command: then the store is away.
  const first = timeLimited(new Promise<void>((resolve) => void client.once('ready', resolve)), config.commandTimeoutMs)
  first.catch(() => undefined)

  client.on('close', () => {
    epoch += 1
  })
  client.on('ready', () => {
    epoch += 1
    trouble.over()
    if (!arrived) void adviseOnServer(client, where, deps.log)
    arrived = true
    onReady()
  })

  /** The connection that was given up last. */
  let givenUp: number | undefined
  const giveUp = (): void => {
    if (givenUp === epoch || client.status !== 'ready') return
    givenUp = epoch
    client.disconnect(true)
  }

  const unavailable = (error: unknown): GatewayError => {
    const plain = error === away ? away : plainError(error)
    if (!closed) {
      trouble.met(plain)
      if (useless.test(plain.message)) giveUp()
    }
    return role.unavailable(plain, !notSent.test(plain.message))
  }

  const send = async (name: string, args: readonly (string | number | Buffer)[]): Promise<unknown> => {
    if (inFlight >= maxInFlight) throw new Error(tooMany)
    inFlight += 1
    try {
      return await client.callBuffer(name, ...args)
    } finally {
      inFlight -= 1
    }
  }

  const guarded = async <Answer>(work: () => Promise<Answer>): Promise<Answer> => {
    try {
      if (!arrived) await first
      // While the server is away each request is refused here, at the price of one error.
      if (client.status !== 'ready') throw away
      return await work()
    } catch (error) {
      throw unavailable(error)
    }
  }

  return {
    get epoch() {
      return epoch
    },
    opened: () => guarded(() => Promise.resolve()),
    call: (name, ...args) => guarded(() => send(name, args)),
    run: ({ sha, lua }, keys, args) =>
      guarded(async () => {
        try {
          return await send('evalsha', [sha, keys.length, ...keys, ...args])
        } catch (error) {
          // A server that was restarted, or was a replica until now, has not seen the script.
          if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
          return await send('eval', [lua, keys.length, ...keys, ...args])
        }
      }),
    unavailable,
    works: trouble.over,
    close: () => {
      closed = true
      close()
    },
  }
}
