import type { SecureContext } from 'node:tls'
import type { ServiceConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { Address, type ProbedHealth } from './address.ts'
import { type Balancer, balancer, weightedSlots } from './balancer.ts'
import { type Discovery, discovery } from './discovery.ts'
import { type HealthCheck, healthCheck } from './health-check.ts'
import { fixedPlace, foundPlace, type Place } from './place.ts'
import { type TlsOptions, upstreamPool } from './pool.ts'
import type { Endpoint } from './resolver.ts'
import { sharedSecureContext } from './secure-context.ts'
import type { Service, ServiceDeps, ServiceStatus, Upstream } from './service.ts'

/**
 * Builds a service and starts its probes and look-ups.
 * @throws Error when its certificate, key or authorities cannot be used.
 */
export const logicalService = (config: ServiceConfig, deps: ServiceDeps): Service => new LogicalService(config, deps)

/** An address of the service with the probing that belongs to it. */
interface Member {
  readonly address: Address
  readonly check: HealthCheck | undefined
}

class LogicalService implements Service {
  readonly name: string
  readonly config: ServiceConfig
  readonly ready: Promise<void>
  readonly #deps: ServiceDeps
  readonly #secureContext: () => SecureContext
  readonly #balancer: Balancer
  readonly #discovery: Discovery | undefined
  readonly #fixedPlaces: readonly Place[]
  #members: ReadonlyMap<string, Member> = new Map()
  /** Closings of addresses that have left the service. */
  readonly #draining = new Set<Promise<void>>()
  /** The addresses in use, and the same by weight. Recomputed only when health, ejections or look-ups change them. */
  #inUse: readonly Address[] = []
  #slots: readonly Address[] = []
  #panic = false
  #nextReturnAtMs = Infinity
  #closed: Promise<void> | undefined

  constructor(config: ServiceConfig, deps: ServiceDeps) {
    this.name = config.name
    this.config = config
    this.#deps = deps
    this.#secureContext = sharedSecureContext(config)
    this.#balancer = balancer(config.loadBalancing, deps.random)
    this.#fixedPlaces = config.urls.map(fixedPlace)
    this.#setPlaces(this.#fixedPlaces)
    this.#discovery = config.dns === undefined ? undefined : discovery(config.name, config.dns, deps, (endpoints) => this.#onAnswer(endpoints))
    this.ready = this.#discovery === undefined || config.urls.length > 0 ? Promise.resolve() : this.#discovery.ready
  }

  pick(not?: Upstream): Upstream {
    this.#endEjections()
    if (this.#inUse.length === 0) throw new GatewayError('NO_UPSTREAM', { retryAfterSeconds: 1 })
    const address = this.#balancer(this.#inUse, this.#slots, not)
    if (address === undefined) throw new GatewayError('UPSTREAM_BUSY', { retryAfterSeconds: 1 })
    return address
  }

  status(): ServiceStatus {
    this.#endEjections()
    const addresses = this.#addresses().map((address) => address.status())
    return { name: this.name, panic: this.#panic, addresses, ...(this.#discovery === undefined ? {} : { dns: this.#discovery.status() }) }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#discovery?.close()
    this.#setPlaces([])
    await Promise.all(this.#draining)
  }

  #addresses(): readonly Address[] {
    return [...this.#members.values()].map((member) => member.address)
  }

  #onAnswer(endpoints: readonly Endpoint[]): void {
    const places = endpoints.map((endpoint) => foundPlace(endpoint, this.config))
    this.#setPlaces([...this.#fixedPlaces, ...places])
  }

  /** Addresses that stay keep their pools and what is known about them; new ones are added, the others drained. */
  #setPlaces(places: readonly Place[]): void {
    const members = new Map<string, Member>()
    for (const place of places) {
      const key = `${place.origin} ${place.authority}`
      if (members.has(key)) continue
      const member = this.#members.get(key) ?? this.#join(place)
      member.address.weight = place.weight
      members.set(key, member)
    }
    for (const [key, member] of this.#members) if (!members.has(key)) this.#leave(member)
    this.#members = members
    this.#refresh()
  }

  #join(place: Place): Member {
    const { config } = this
    const tls: TlsOptions = {
      secureContext: this.#secureContext,
      verify: config.tls?.verify !== false,
      serverName: config.tls?.serverName ?? place.host,
    }
    const { origin, authority } = place
    const onError = (error: Error): void => this.#deps.log.error({ service: this.name, origin, err: error }, 'a handler of a call threw')
    const pool = upstreamPool({ origin, maxConnections: config.maxConnections, connectTimeoutMs: config.connectTimeoutMs, tls, onError })
    const address = new Address({
      origin,
      authority,
      pool,
      maxInFlight: config.maxConnections + config.maxPending,
      ejectAfter: config.passiveHealth?.failures ?? Infinity,
      onFailing: (failing) => this.#eject(failing),
    })
    const { now, random } = this.#deps
    const onChange = (changed: Address, before: ProbedHealth): void => this.#onProbed(changed, before)
    const check = config.healthCheck === undefined ? undefined : healthCheck(address, config.healthCheck, tls, { now, random, onChange })
    return { address, check }
  }

  #leave({ address, check }: Member): void {
    check?.close()
    const closing = address
      .close()
      .catch((error: unknown) => this.#deps.log.error({ service: this.name, origin: address.origin, err: error }, 'a pool did not close'))
    this.#draining.add(closing)
    void closing.then(() => this.#draining.delete(closing))
  }

  #onProbed(address: Address, before: ProbedHealth): void {
    this.#refresh()
    const healthy = address.health === 'healthy'
    if (healthy && before === 'unknown') return
    const fields = { service: this.name, origin: address.origin, panic: this.#panic }
    if (healthy) this.#deps.log.info(fields, 'the address is healthy again')
    else this.#deps.log.warn({ ...fields, error: address.lastProbe?.error }, 'the address is unhealthy')
    this.#announce(address, address.ejectedUntilMs === 0)
  }

  #eject(address: Address): void {
    const passive = this.config.passiveHealth
    if (passive === undefined) return
    this.#endEjections()
    const others = this.#inUse.some((other) => other !== address && other.usable)
    if (!others || !address.usable || this.#members.get(`${address.origin} ${address.authority}`)?.address !== address) return
    address.ejectedUntilMs = this.#deps.now() + passive.ejectForMs
    this.#refresh()
    this.#deps.log.warn(
      { service: this.name, origin: address.origin, ejectForMs: passive.ejectForMs },
      'the address is ejected because calls keep failing on it',
    )
    this.#announce(address, true)
  }

  /** Lets ejected addresses come back. Asked at the next pick instead of by a timer, and only while some address is ejected. */
  #endEjections(): void {
    if (this.#nextReturnAtMs === Infinity) return
    const nowMs = this.#deps.now()
    const ejectForMs = this.config.passiveHealth?.ejectForMs ?? 0
    // The second condition brings addresses back when the clock has been set to an earlier time.
    if (nowMs < this.#nextReturnAtMs && this.#nextReturnAtMs - nowMs <= ejectForMs) return
    const returned = this.#addresses().filter(
      ({ ejectedUntilMs }) => ejectedUntilMs !== 0 && (ejectedUntilMs <= nowMs || ejectedUntilMs - nowMs > ejectForMs),
    )
    for (const address of returned) address.ejectedUntilMs = 0
    this.#refresh()
    for (const address of returned) this.#announce(address, true)
  }

  /** `relevant` is false when the other kind of health already keeps the address out, so that nothing changes for the calls. */
  #announce(address: Address, relevant: boolean): void {
    if (relevant) this.#deps.onHealthChange?.(this.name, address.origin, address.usable)
  }

  #refresh(): void {
    const known = this.#addresses()
    const usable = known.filter((address) => address.usable)
    this.#panic = usable.length === 0 && known.length > 0
    this.#inUse = this.#panic ? known : usable
    this.#slots = weightedSlots(this.#inUse)
    this.#nextReturnAtMs = known.reduce((next, { ejectedUntilMs }) => (ejectedUntilMs === 0 ? next : Math.min(next, ejectedUntilMs)), Infinity)
  }
}
