import type { FailureAction, FailureCondition, FailureModeConfig } from '../model.ts'
import type { OperationDescription } from '../adapters.ts'
import type { ValidCondition, ValidConsumer, ValidIntegration, ValidMode, ValidOperation } from './input.ts'
import { readDurationMs } from './readers.ts'

/** Status of the answer to the caller where the mode says none; absent: the answer is another one's. */
export const defaultStatus: Readonly<Partial<Record<FailureAction, number>>> = {
  queue: 202,
  back_off_and_queue: 202,
  idempotent_retry: 202,
  log_and_alert: 502,
  skip: 200,
  notify: 422,
  manual_review: 202,
}

export const queueing: ReadonlySet<FailureAction> = new Set(['queue', 'back_off_and_queue'])

/** Both included. */
export interface StatusRange {
  readonly from: number
  readonly to: number
}

export const statusRanges = (status: NonNullable<ValidCondition['status']>): readonly StatusRange[] =>
  typeof status === 'string'
    ? [status === '4xx' ? { from: 400, to: 499 } : { from: 500, to: 599 }]
    : [status].flat().map((one) => ({ from: one, to: one }))

/** Whether an operation can raise the kind. */
export const canRaise = ({ kinds = [] }: OperationDescription, commonKinds: readonly string[], kind: string): boolean =>
  commonKinds.includes(kind) || kinds.includes(kind)

export type Idempotency = NonNullable<ValidOperation['idempotency']>

/** What the operation says, or what is in the nature of it. */
export const idempotencyOf = (written: Idempotency | undefined, { idempotency: nature, duplicates }: OperationDescription): Idempotency =>
  written ?? (nature === 'key' ? (duplicates === 'harmful' ? 'required' : 'optional') : nature === 'inherent' ? 'built-in' : 'none')

/** Whether the same intent may be sent again. */
export const isRepeatable = (written: Idempotency | undefined, operation: OperationDescription): boolean =>
  operation.idempotency !== 'none' && idempotencyOf(written, operation) !== 'none'

/** Outcomes that may hide an effect, by kind and by status. */
const unclearKinds: ReadonlySet<string> = new Set(['timeout', 'network_error', 'provider_error', 'in_progress', 'invalid_response', 'internal'])
const isUnclearStatus = ({ from, to }: StatusRange): boolean =>
  (to >= 500 && !(from === 503 && to === 503)) || [408, 409].some((one) => from <= one && one <= to)

/** Whether the effect may have happened although the provider failed in this way. */
export const mayHaveHappened = ({ kind, status }: ValidCondition): boolean =>
  kind === undefined ? status !== undefined && statusRanges(status).some(isUnclearStatus) : unclearKinds.has(kind)

/** Queues by what their consumers deliver: name of the queue, operation of the integration. */
export const deliveringQueues = (
  consumers: Iterable<Pick<ValidConsumer, 'queue' | 'deliver_to'>>,
  integration: string,
): readonly { readonly queue: string; readonly operation: string | undefined }[] =>
  [...consumers].flatMap(({ queue, deliver_to: target }) => (target?.integration === integration ? [{ queue, operation: target.operation }] : []))

/**
 * The queue of a mode that names none: that of the integration, else the only one whose consumers deliver to this operation, else the only
 * one whose consumers deliver to this integration. Undefined where that is not clear.
 */
export const queueFor = (
  operation: string,
  integrationQueue: string | undefined,
  delivering: ReturnType<typeof deliveringQueues>,
): string | undefined => {
  if (integrationQueue !== undefined) return integrationQueue
  const only = (found: readonly { readonly queue: string }[]): string | undefined => {
    const names = new Set(found.map(({ queue }) => queue))
    return names.size === 1 ? [...names][0] : undefined
  }
  return only(delivering.filter((one) => one.operation === operation)) ?? only(delivering)
}

/** What is needed to see whether a mode can be kept for an operation. */
export interface ModeScene {
  readonly integration: string
  readonly operation: string
  readonly description: OperationDescription
  readonly idempotency: Idempotency | undefined
  readonly capability: string
  readonly queue: string | undefined
  readonly delivering: ReturnType<typeof deliveringQueues>
  /** Integrations by name with their capability and operations; undefined where there is none of that name. */
  readonly fallback: (name: string) => { readonly capability: string; readonly operations: ReadonlySet<string> } | undefined
}

/**
 * Why the action of a mode is impossible for an operation:
 * - `no_queue`, `nobody_continues`: nothing would go on with the intent.
 * - `twice`: repeating it, or moving it to another provider, could do it twice.
 * - `fallback_*`: the other integration cannot stand in.
 */
export type ModeObstacle =
  | 'no_queue'
  | 'nobody_continues'
  | 'repeated_twice'
  | 'moved_twice'
  | 'fallback_self'
  | 'fallback_capability'
  | 'fallback_operation'
  | 'no_template'
  | 'no_local'

/** @returns Undefined when it is possible, or a name in it leads nowhere, which is another matter. */
export const modeObstacle = (mode: ValidMode, scene: ModeScene): ModeObstacle | undefined => {
  if (queueing.has(mode.then)) {
    const queue = mode.queue ?? queueFor(scene.operation, scene.queue, scene.delivering)
    if (queue === undefined) return 'no_queue'
    return scene.delivering.some((one) => one.queue === queue) ? undefined : 'nobody_continues'
  }
  if (mode.then === 'idempotent_retry') return isRepeatable(scene.idempotency, scene.description) ? undefined : 'repeated_twice'
  if (mode.then === 'use_default_template') return scene.description.templateField === undefined ? 'no_template' : undefined
  if (mode.then === 'use_local_session') return scene.description.local === true ? undefined : 'no_local'
  return mode.then === 'fallback' ? fallbackObstacle(mode, scene) : undefined
}

const fallbackObstacle = ({ to, when }: ValidMode, scene: ModeScene): ModeObstacle | undefined => {
  if (to === undefined) return undefined
  if (to === scene.integration) return 'fallback_self'
  const other = scene.fallback(to)
  if (other === undefined) return undefined
  if (other.capability !== scene.capability) return 'fallback_capability'
  if (!other.operations.has(scene.operation)) return 'fallback_operation'
  return scene.description.duplicates === 'harmful' && when.some(mayHaveHappened) ? 'moved_twice' : undefined
}

/** Of a mode that stands at the integration: what of it can happen to the operation; undefined when nothing can. */
export const conditionsFor = (
  mode: ValidMode,
  operation: OperationDescription,
  commonKinds: readonly string[],
): readonly ValidCondition[] | undefined => {
  const when = mode.when.filter(({ kind }) => kind === undefined || canRaise(operation, commonKinds, kind))
  return when.length === 0 ? undefined : when
}

/** Own modes first, then those of the integration that can happen to the operation and whose action it can do. */
export const resolveModes = (
  own: ValidOperation['failure_modes'],
  common: ValidIntegration['failure_modes'],
  scene: ModeScene,
  commonKinds: readonly string[],
): FailureModeConfig[] => [
  ...Object.entries(own).map(([name, mode]) => resolveMode(name, mode, mode.when, scene)),
  ...Object.entries(common).flatMap(([name, mode]): FailureModeConfig[] => {
    const when = conditionsFor(mode, scene.description, commonKinds)
    return when === undefined || modeObstacle({ ...mode, when: [...when] }, scene) !== undefined ? [] : [resolveMode(name, mode, when, scene)]
  }),
]

const resolveMode = (name: string, mode: ValidMode, when: readonly ValidCondition[], scene: ModeScene): FailureModeConfig => {
  // What is left is the same in the model: the action, and `to`, `template` and `alert` where they are said.
  const { when: _when, tell: _tell, status: _status, queue: _queue, delay: _delay, ...kept } = mode
  const status = mode.status ?? defaultStatus[mode.then]
  const queue = queueing.has(mode.then) ? (mode.queue ?? queueFor(scene.operation, scene.queue, scene.delivering)) : undefined
  return {
    name,
    when: when.map(resolveCondition),
    ...(mode.tell && { tell: resolveTell(mode.tell) }),
    ...(status !== undefined && { status }),
    ...(queue !== undefined && { queue }),
    ...(mode.delay !== undefined && { delayMs: readDurationMs(mode.delay) }),
    ...kept,
  }
}

const resolveCondition = ({ kind, status, code }: ValidCondition): FailureCondition => ({
  ...(kind !== undefined && { kind }),
  ...(status !== undefined && { status: statusRanges(status) }),
  ...(code !== undefined && { code }),
})

export const resolveTell = (tell: Readonly<Record<string, string>>): readonly { readonly language: string; readonly text: string }[] =>
  Object.entries(tell).map(([language, text]) => ({ language, text }))
