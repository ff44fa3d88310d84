import type { Dispatcher } from 'undici'
import type { ServiceConfig } from '../../config/model.ts'

/** One address of a service. */
export interface Upstream {
  /** `http://127.0.0.1:9101`; IPv6 in brackets; the default port is omitted. */
  readonly origin: string
  /** Value for `Host`: the host and port of the origin, or for addresses found by DNS the name that was looked up; default port omitted. */
  readonly authority: string
  /** Connection pool of this address. Time limits other than that of the connection belong to the caller, per dispatch. */
  readonly dispatcher: Dispatcher
  /** Calls running now. */
  readonly inFlight: number
  /** Counts a call in; call it in the same tick as `pick`, so that the address cannot be closed in between. */
  begin(): void
  /** Counts a call out; exactly once per `begin`, after the body of the answer has passed. */
  end(outcome: Outcome): void
}

/**
 * `ok`: an answer came, whatever its status. `failed`: connect error, reset or timeout.
 * `neutral`: the client went away; says nothing about the address.
 */
export type Outcome = 'ok' | 'failed' | 'neutral'

/** A named logical target: knows its addresses and which of them the next attempt gets. */
export interface Service {
  readonly name: string
  readonly config: ServiceConfig
  /**
   * Resolves once the first look-up of a DNS name has ended, well or badly, or after one second;
   * at once when there are fixed addresses. Never rejects.
   */
  readonly ready: Promise<void>
  /**
   * Address for the next attempt. Constant time for `round_robin` and `random`; allocates nothing.
   * @param not The address that has just failed; avoided while another one is usable.
   * @throws GatewayError `NO_UPSTREAM` (no address known) or `UPSTREAM_BUSY` (every address has `maxConnections + maxPending` calls in flight).
   */
  pick(not?: Upstream): Upstream
  /** A snapshot for `/status`. */
  status(): ServiceStatus
  /**
   * Stops probes and look-ups at once, lets the calls in flight finish, then closes the pools. Idempotent.
   * A call that still waits between two attempts gets `NO_UPSTREAM`: drain the generation first.
   */
  close(): Promise<void>
}

export interface ServiceStatus {
  readonly name: string
  /** True while no address is healthy and all are used nevertheless: a broken probe must not take a working service down. */
  readonly panic: boolean
  readonly addresses: readonly AddressStatus[]
  /** Present for services with a DNS name. */
  readonly dns?: DnsStatus
}

/** `unknown`: no probe has been decisive yet, or none is configured; calls go there. */
export type AddressState = 'healthy' | 'unhealthy' | 'ejected' | 'unknown'

export interface AddressStatus {
  readonly origin: string
  readonly authority: string
  readonly state: AddressState
  readonly inFlight: number
  readonly lastProbe?: ProbeResult
}

export interface ProbeResult {
  readonly atMs: number
  readonly ok: boolean
  /** Why the probe failed. */
  readonly error?: string
}

export interface DnsStatus {
  readonly name: string
  readonly lastOkAtMs?: number
  /** Of the last look-up; absent when it went well. */
  readonly lastError?: string
}

/** What services need from the outside. */
export interface ServiceDeps {
  readonly log: ServiceLog
  /** Milliseconds; the times in `status()` are readings of this clock. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
  /** An address leaves (false) or comes back into (true) the set that gets calls, by probes or by ejection. */
  onHealthChange?(service: string, origin: string, healthy: boolean): void
}

export interface ServiceLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
