import { EventEmitter } from 'node:events'
import { connect } from 'amqplib'
import type { ChannelModel, SocketOptions } from 'amqplib'
import { GatewayError } from '../../errors.ts'
import type { BrokerDeps } from '../broker.ts'
import type { NodeAddress } from './address.ts'
import { goodbyeMs } from './channels.ts'
import { isLasting, textOf } from './failure.ts'
import { endedEarly, toleratesHeaders } from './library.ts'
import { pause, within } from './pause.ts'

export interface LinkOptions {
  /** `publish`, `consume`: for the log. */
  readonly role: string
  readonly broker: string
  readonly nodes: readonly NodeAddress[]
  readonly connectTimeoutMs: number
}

/** A connection that ended sooner than this counts as an attempt that failed. */
const shortLifeMs = 1000
/** A node that is starting refuses for a moment what it will permit. */
const lastingRounds = 3
const firstPauseMs = 100
const longestPauseMs = 1000

interface LinkEvents {
  up: [ChannelModel]
  down: []
  blocked: []
  unblocked: []
}

/**
 * A connection that comes back: the next node at once when it is lost, and with growing, jittered pauses while no node answers. The client
 * library's own recovery knows one address and gives no say over what happens between connection and first use.
 */
export class Link extends EventEmitter<LinkEvents> {
  readonly #options: LinkOptions
  readonly #deps: BrokerDeps
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined
  #next = 0
  #model: ChannelModel | undefined
  #destroy: AbortController | undefined
  #refusal: Error | undefined
  /** When the connection came up; `Infinity` before. */
  #upAtMs = Infinity
  blocked = false
  address: string
  connections = 0
  lastError: string | undefined

  constructor(options: LinkOptions, deps: BrokerDeps) {
    super()
    this.setMaxListeners(0)
    this.#options = options
    this.#deps = deps
    this.address = options.nodes[0]?.name ?? ''
  }

  /** Undefined while there is none. */
  get model(): ChannelModel | undefined {
    return this.#model
  }

  get closed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Aborted by `close`. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  /** Idempotent. */
  start(): void {
    this.#running ??= this.#keep()
  }

  /**
   * The connection, as soon as it stands; undefined when it does not within `timeoutMs` or the link is closed.
   * @throws {GatewayError} BROKER_MISCONFIGURED when every node refuses us for a reason that waiting does not remove.
   */
  async ready(timeoutMs: number): Promise<ChannelModel | undefined> {
    this.start()
    const end = performance.now() + timeoutMs
    while (this.#model === undefined && !this.closed) {
      if (this.#refusal !== undefined) throw misconfigured(this.#refusal)
      const leftMs = end - performance.now()
      if (leftMs <= 0) return undefined
      await this.#change(leftMs)
    }
    return this.#model
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const model = this.#model
    if (model !== undefined) await within(goodbyeMs, goodbye(model))
    // Whatever is left of it: a broker that does not answer must not hold the socket open.
    this.#destroy?.abort()
    await this.#running
  }

  async #keep(): Promise<void> {
    const { nodes } = this.#options
    let failures = 0
    while (!this.closed) {
      this.#upAtMs = Infinity
      const error = await this.#hold()
      if (this.closed) return
      failures = performance.now() - this.#upAtMs < shortLifeMs ? failures + 1 : 0
      if (error !== undefined) this.#note(error, failures)
      this.#next += 1
      if (failures > 0) await pause(this.#pauseMs(Math.ceil(failures / nodes.length)), this.signal)
    }
  }

  /** One connection from its making to its end. @returns Why it ended. */
  async #hold(): Promise<unknown> {
    const { nodes, connectTimeoutMs } = this.#options
    const node = nodes[this.#next % nodes.length]
    if (node === undefined) return undefined
    this.address = node.name
    const destroy = new AbortController()
    this.#destroy = destroy
    const stop = (): void => destroy.abort()
    const timer = setTimeout(stop, connectTimeoutMs)
    try {
      const model = await connect(node.connect, { ...node.socket, signal: destroy.signal } as SocketOptions)
      clearTimeout(timer)
      if (endedEarly(model)) throw new Error('the connection ended as soon as it was opened')
      toleratesHeaders(model)
      const ended = this.#watch(model)
      if (this.closed) return undefined
      this.#up(model)
      return await ended
    } catch (error) {
      return error
    } finally {
      clearTimeout(timer)
      destroy.abort()
      this.#down()
    }
  }

  #watch(model: ChannelModel): Promise<Error | undefined> {
    let reason: Error | undefined
    model.on('error', (error: Error) => {
      reason = error
    })
    model.on('handler-error', (error: Error, event: string) => {
      this.#deps.log.error({ broker: this.#options.broker, error: error.message, event }, 'a listener of the broker connection failed')
    })
    model.on('blocked', (why: string) => {
      this.blocked = true
      this.#deps.log.warn({ broker: this.#options.broker, node: this.address, why }, 'the broker asked publishers to stop')
      this.emit('blocked')
    })
    model.on('unblocked', () => {
      this.blocked = false
      this.#deps.log.info({ broker: this.#options.broker, node: this.address }, 'the broker takes messages again')
      this.emit('unblocked')
    })
    return new Promise((resolve) => model.once('close', (error?: Error) => resolve(reason ?? error)))
  }

  #up(model: ChannelModel): void {
    this.#model = model
    this.#upAtMs = performance.now()
    this.#refusal = undefined
    this.connections += 1
    this.#deps.log.info({ broker: this.#options.broker, node: this.address, role: this.#options.role }, 'connected to the broker')
    this.emit('up', model)
  }

  #down(): void {
    this.blocked = false
    if (this.#model === undefined) return
    this.#model = undefined
    this.emit('down')
  }

  #note(error: unknown, failures: number): void {
    const { broker, role, nodes } = this.#options
    this.lastError = textOf(error)
    if (!isLasting(error)) this.#refusal = undefined
    else if (failures >= nodes.length * lastingRounds && error instanceof Error) this.#refusal = error
    const fields = { broker, node: this.address, role, error: this.lastError }
    // While the broker is away one line a round is enough.
    if (failures <= 1) this.#deps.log.warn(fields, 'the connection to the broker was lost or refused')
    else this.#deps.log.debug(fields, 'the broker does not answer')
    if (this.#refusal !== undefined) this.emit('down')
  }

  /** Between half and all of an exponential pause, so that many gateways do not come back at the same moment. */
  #pauseMs(round: number): number {
    const ceilingMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(round - 1, 10))
    return ceilingMs * (0.5 + this.#deps.random() / 2)
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.off('up', end)
        this.off('down', end)
        this.signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = timeoutMs === Infinity ? undefined : setTimeout(end, timeoutMs)
      this.on('up', end)
      this.on('down', end)
      this.signal.addEventListener('abort', end)
    })
  }
}

const goodbye = async (model: ChannelModel): Promise<void> => {
  const closed = new Promise<void>((resolve) => model.once('close', () => resolve()))
  const asked = (async (): Promise<void> => model.close())().catch(() => undefined)
  await Promise.race([asked, closed])
}

const misconfigured = (cause: Error): GatewayError => new GatewayError('BROKER_MISCONFIGURED', { detail: cause.message, cause })
