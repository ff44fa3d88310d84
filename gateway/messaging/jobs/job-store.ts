import type { FailureNote } from '../settlement.ts'

/**
 * - `queued`: stored, waits for its first or next delivery.
 * - `processing`: a consumer has it.
 * - `completed`: its effect has happened.
 * - `failed`: ended without success, and its queue keeps no dead letters.
 * - `dead_lettered`: parked; becomes `queued` again when it is replayed.
 */
export type JobState = 'queued' | 'processing' | 'completed' | 'failed' | 'dead_lettered'

/** States in which nothing more happens to a message by itself. */
export const endedStates: ReadonlySet<JobState> = new Set<JobState>(['completed', 'failed', 'dead_lettered'])

/** A message that was taken over HTTP, as its sender may ask for it. */
export interface Job {
  /** Id of the message. */
  readonly id: string
  readonly queue: string
  readonly state: JobState
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** Attempts made so far, in all deliveries. */
  readonly attempts: number
  readonly lastError: FailureNote | undefined
  readonly result: JobResult | undefined
}

/** What the target answered to the attempt that worked; bodies beyond `maxResultBytes` are left out. */
export interface JobResult {
  readonly status: number
  readonly contentType: string | undefined
  readonly body: Buffer | undefined
}

export const maxResultBytes = 64 * 1024

export interface JobRequest {
  /** Id for the message, should it be a new one. */
  readonly id: string
  readonly queue: string
  /** Undefined: every request is a new one. `scope` keeps equal keys of different rules apart. */
  readonly idempotency: { readonly scope: string; readonly key: string; readonly fingerprint: string; readonly ttlMs: number } | undefined
}

/**
 * - `new`: publish the message under `id`, then `stored` or `forget`.
 * - `known`: a message was stored for this key and request before.
 * - `in_progress`: another request with this key is being stored at this moment.
 * - `conflict`: the key was used for another request.
 */
export type Begun =
  | { readonly outcome: 'new'; readonly id: string }
  | { readonly outcome: 'known'; readonly job: Job }
  | { readonly outcome: 'in_progress' }
  | { readonly outcome: 'conflict' }

export interface JobChange {
  readonly state: JobState
  readonly attempts?: number
  readonly lastError?: FailureNote
  readonly result?: JobResult
}

/** Statuses and idempotency keys; durable, shared by the processes of one machine. */
export interface JobStore {
  /**
   * Claims the key durably before anything is published. A claim whose process ended before `stored` is taken over by the next request
   * with the key and the same fingerprint: `new`, with the id of then, so that the message is published at least once and under one id.
   * @throws {GatewayError} BROKER_UNAVAILABLE: nothing can be stored; so do `stored`, `forget`, `get` and `wait`.
   */
  begin(request: JobRequest): Promise<Begun>
  /** The broker has confirmed the message. */
  stored(id: string): Promise<Job>
  /**
   * The message was not confirmed; the key is free again. Whether it was stored may be unknown: a repetition of the same request gets the
   * same id once more, and is `known` where a consumer has met the message meanwhile.
   */
  forget(id: string): Promise<void>
  /** Nothing happens for an unknown id. Never throws: a status is not worth a delivery; failures are logged. */
  update(id: string, change: JobChange): Promise<void>
  get(id: string): Promise<Job | undefined>
  /** Resolves when the job has ended (`completed`, `failed`, `dead_lettered`), after `ms`, or when `signal` aborts; with the job as it is then. */
  wait(id: string, ms: number, signal: AbortSignal): Promise<Job | undefined>
  close(): Promise<void>
}
