import type { Diagnostic } from '../../config/diagnostics/diagnostic.ts'

/** What the admin listener asks of the running gateway. */
export interface AdminBackend {
  ready(): Readiness
  /** Prometheus text. */
  metrics(): Promise<string>
  /** Anything JSON can hold. */
  status(): Promise<object>
  /** Loads the configuration again; a bad one leaves the old one serving. */
  reload(): Promise<ReloadResult>
}

export interface Readiness {
  readonly ready: boolean
  /** Why not. */
  readonly reason?: string
}

export interface ReloadResult {
  readonly ok: boolean
  /** Of the configuration that serves now. */
  readonly generation: number
  readonly hash: string
  readonly changed: boolean
  /** Why it failed, in one sentence; the only word where the cause is no finding, such as a file that is gone or a port in use. */
  readonly error?: string
  /** Errors when it failed; may hold warnings when it worked. */
  readonly diagnostics?: readonly Diagnostic[]
}
