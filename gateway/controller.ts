import type { Diagnostic } from '../config/diagnostics/diagnostic.ts'
import type { LoadResult } from '../config/load.ts'
import type { Address, GatewayConfig } from '../config/model.ts'
import type { AdminBackend, ReloadResult } from './admin/backend.ts'
import type { DrainResult, Fleet } from './fleet.ts'
import type { DeadLetterDesk } from './messaging/dead-letter-desk.ts'
import { operations } from './operations.ts'
import type { ProviderDesk } from './provider-desk.ts'

/** What asked for a reload. */
export type ReloadTrigger = 'start' | 'file' | 'signal' | 'admin'

export interface LastReload {
  readonly ok: boolean
  /** ISO 8601. */
  readonly at: string
  readonly trigger: ReloadTrigger
  readonly changed: boolean
  readonly error?: string
  readonly diagnostics?: readonly Diagnostic[]
}

export interface AdminHandle {
  readonly address: Address
  close(): Promise<void>
}

interface ControllerLog {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface ControllerDeps {
  readonly fleet: Fleet
  /** Reads the configuration again. Throws only when it cannot be read at all. */
  readonly load: () => Promise<LoadResult>
  readonly desk: DeadLetterDesk
  readonly providers: Pick<ProviderDesk, 'flows' | 'intents'>
  readonly openAdmin: (address: Address, backend: AdminBackend) => Promise<AdminHandle>
  readonly log: ControllerLog
  /** Called for every reload, the first start included. */
  readonly onReload: (result: { readonly ok: boolean; readonly generation: number; readonly hash: string }) => void
  /** Shows the findings of a refused configuration to a person. */
  readonly onRefused: (result: LoadResult) => Promise<void>
  /** Called with every configuration that came into force. */
  readonly onApplied: (result: LoadResult, config: GatewayConfig) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Facts for /status that do not change: version, pid. */
  readonly about: Readonly<Record<string, string | number>>
}

export interface Controller extends AdminBackend {
  /** Starts listeners and the admin listener. Throws when either cannot be started, with nothing left running. */
  start(config: GatewayConfig, result: LoadResult): Promise<void>
  /** Loads and swaps. Calls that come while one runs share the next run, so a burst becomes two at most. Never throws. */
  reloadFrom(trigger: ReloadTrigger): Promise<ReloadResult>
  readonly adminAddress: Address | undefined
  /** Fails readiness at once, then lets the fleet finish what it has. */
  drain(): Promise<DrainResult>
  close(): Promise<void>
}

/** In charge of one gateway: owns the last good configuration, and nothing reaches the fleet but through here. */
export const controller = (deps: ControllerDeps): Controller => {
  const { fleet } = deps
  const startedAt = new Date(deps.now()).toISOString()
  let active: { readonly config: GatewayConfig; readonly generation: number } | undefined
  let last: LastReload | undefined
  let admin: AdminHandle | undefined
  let draining = false
  let running: Promise<ReloadResult> | undefined
  let queued: Promise<ReloadResult> | undefined

  const isoNow = (): string => new Date(deps.now()).toISOString()
  const generation = (): number => active?.generation ?? 0
  const hash = (): string => active?.config.hash ?? ''

  const failed = (trigger: ReloadTrigger, error: string, diagnostics?: readonly Diagnostic[]): ReloadResult => {
    const found = diagnostics === undefined ? {} : { diagnostics }
    last = { ok: false, at: isoNow(), trigger, changed: false, error, ...found }
    deps.onReload({ ok: false, generation: generation(), hash: hash() })
    deps.log.error({ trigger, generation: generation(), hash: hash() }, `reload failed, the old configuration keeps serving: ${error}`)
    return { ok: false, generation: generation(), hash: hash(), changed: false, error, ...found }
  }

  const succeeded = (trigger: ReloadTrigger, changed: boolean, diagnostics: readonly Diagnostic[]): ReloadResult => {
    last = { ok: true, at: isoNow(), trigger, changed, diagnostics }
    deps.onReload({ ok: true, generation: generation(), hash: hash() })
    const fields = { trigger, generation: generation(), hash: hash(), warnings: diagnostics.length }
    deps.log.info(fields, changed ? 'configuration in force' : 'reload found the same configuration')
    return { ok: true, generation: generation(), hash: hash(), changed, diagnostics }
  }

  /** The new admin listener is opened before the swap and the old one closed after it, so that a refused swap loses neither. */
  const swap = async (config: GatewayConfig): Promise<void> => {
    const moved = admin === undefined || !sameAddress(active?.config.admin.address, config.admin.address)
    const opened = moved ? await deps.openAdmin(config.admin.address, self) : undefined
    try {
      await fleet.apply(config)
    } catch (error) {
      await opened?.close()
      throw error
    }
    active = { config, generation: generation() + 1 }
    if (opened === undefined) return
    const old = admin
    admin = opened
    // Not awaited: the reload may have been asked for over the old admin listener, which waits for its own answer.
    void old?.close()
  }

  const reloadOnce = async (trigger: ReloadTrigger): Promise<ReloadResult> => {
    if (draining) return { ok: false, generation: generation(), hash: hash(), changed: false, error: 'the gateway is shutting down' }
    try {
      const result = await deps.load()
      const { config, diagnostics } = result
      if (config === undefined) {
        await deps.onRefused(result)
        return failed(trigger, refusal(diagnostics), diagnostics)
      }
      const changed = config.hash !== active?.config.hash
      if (changed) await swap(config)
      deps.onApplied(result, config)
      return succeeded(trigger, changed, diagnostics)
    } catch (error) {
      return failed(trigger, messageOf(error))
    }
  }

  const reloadFrom = (trigger: ReloadTrigger): Promise<ReloadResult> => {
    if (running === undefined) {
      running = reloadOnce(trigger).finally(() => {
        running = undefined
      })
      return running
    }
    queued ??= running.then(() => {
      queued = undefined
      return reloadFrom(trigger)
    })
    return queued
  }

  const self: Controller = {
    async start(config, result) {
      await swap(config)
      deps.onApplied(result, config)
      succeeded('start', true, result.diagnostics)
    },
    reloadFrom,
    reload: () => reloadFrom('admin'),
    flows: deps.providers.flows,
    intents: deps.providers.intents,
    ready() {
      if (draining) return { ready: false, reason: 'draining' }
      if (active === undefined) return { ready: false, reason: 'starting' }
      const reason = fleet.unready()
      return reason === undefined ? { ready: true } : { ready: false, reason }
    },
    metrics: () => fleet.metrics(),
    messaging: operations(fleet, deps.desk, () => active?.config),
    status: async () => ({
      ...deps.about,
      startedAt,
      ready: self.ready(),
      listeners: fleet.listeners,
      ...(await fleet.status()),
      generation: generation(),
      hash: hash(),
      lastReload: last,
    }),
    get adminAddress() {
      return admin?.address
    },
    drain() {
      draining = true
      return fleet.drain()
    },
    async close() {
      draining = true
      await Promise.all([fleet.close(), deps.desk.close()])
      await admin?.close()
    },
  }
  return self
}

const sameAddress = (left: Address | undefined, right: Address): boolean => left?.host === right.host && left.port === right.port

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const refusal = (diagnostics: readonly Diagnostic[]): string => {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error')
  const first = errors[0]
  if (first === undefined) return 'the configuration is not valid'
  const { file, line, column } = first.location
  const more = errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`
  return `${file}:${line}:${column} ${first.code} ${first.message}${more}`
}
