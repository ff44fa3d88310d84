import type { GatewayConfig } from '../../config/model.ts'
import type { BoundListener, DrainResult, MetricSnapshot } from '../fleet.ts'
import type { RuntimeStatus } from '../runtime-status.ts'

/** What a supervisor asks of a worker, and what the answer carries. Sent with the `advanced` serialisation, so `Infinity` survives. */
export interface WorkerOperations {
  readonly apply: { readonly request: GatewayConfig; readonly answer: readonly BoundListener[] }
  readonly metrics: { readonly request: undefined; readonly answer: readonly MetricSnapshot[] }
  readonly status: { readonly request: undefined; readonly answer: RuntimeStatus }
  /** Answers whether there is such a consumer. */
  readonly pause: { readonly request: { readonly consumer: string; readonly paused: boolean }; readonly answer: boolean }
  readonly drain: { readonly request: undefined; readonly answer: DrainResult }
  readonly close: { readonly request: undefined; readonly answer: undefined }
}

export type WorkerOperation = keyof WorkerOperations

export interface WorkerRequest {
  readonly id: number
  readonly operation: WorkerOperation
  readonly body: unknown
}

export type WorkerAnswer =
  | { readonly id: number; readonly ok: true; readonly body: unknown }
  | { readonly id: number; readonly ok: false; readonly error: WorkerFailure }

/** An error as it crosses processes; `code`, `address` and `port` are those of a system error such as EADDRINUSE. */
export interface WorkerFailure {
  readonly message: string
  readonly code?: string
  readonly address?: string
  readonly port?: number
}

/** An error that a worker met, as the supervisor throws it: it keeps the facts of a system error. */
export class WorkerError extends Error {
  readonly code: string | undefined
  readonly address: string | undefined
  readonly port: number | undefined

  constructor(failure: WorkerFailure) {
    super(failure.message)
    this.name = 'WorkerError'
    this.code = failure.code
    this.address = failure.address
    this.port = failure.port
  }
}

export const failureOf = (error: unknown): WorkerFailure => {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const address = 'address' in error && typeof error.address === 'string' ? { address: error.address } : {}
  const port = 'port' in error && typeof error.port === 'number' ? { port: error.port } : {}
  return { message: error.message, ...code, ...address, ...port }
}

export const isWorkerRequest = (value: unknown): value is WorkerRequest =>
  typeof value === 'object' && value !== null && 'id' in value && 'operation' in value

export const isWorkerAnswer = (value: unknown): value is WorkerAnswer => typeof value === 'object' && value !== null && 'id' in value && 'ok' in value
