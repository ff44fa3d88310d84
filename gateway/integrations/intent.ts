import { createHash, randomBytes } from 'node:crypto'
import type { FailureModeConfig, IntegrationConfig, JsonValue } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { maxRecordBytes } from '../state/record-store.ts'
import type { IntentState, IntentStatus, OperationResult, StoredFailure, Tell } from './operation.ts'

/**
 * What one idempotency key stands for, as it is stored: one effect at one provider, however many attempts it takes. Plain data, replaced
 * as a whole with each change.
 */
export interface Intent {
  readonly id: string
  /** As the caller named it; who works on it is `by`. */
  readonly integration: string
  readonly operation: string
  /** Towards the provider: the same for every repetition. */
  readonly key: string
  /** SHA-256 of the input: two requests with one key have to want the same. */
  readonly digest: string
  /** Gone once the intent has ended. */
  readonly input?: JsonValue
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** Since when it tries: its age, after which it is given up, counts from here. */
  readonly sinceMs: number
  /** For how long it is remembered after its end. */
  readonly ttlMs: number
  /** Integration that does it: another one than `integration` once a fallback took over. */
  readonly by: string
  /** Which provider `by` meant at the last attempt; see `providerOf`. */
  readonly provider?: string
  /** Those that are out of the question as fallbacks. */
  readonly tried: readonly string[]
  readonly attempts: number
  /** Since when an attempt may have had the effect. */
  readonly firstAttemptAtMs?: number
  /** An attempt may have had the effect, and nobody knows. */
  readonly unsure: boolean
  /** Of the last attempt that got no answer: until some time has passed, the provider may still be busy with it. */
  readonly silentAtMs?: number | undefined
  /** No attempt before this time. */
  readonly notBeforeMs?: number
  /** It has got the default template. */
  readonly templated?: boolean
  /** A fallback took over although the outcome was unknown. */
  readonly doubled?: boolean
  readonly failure?: StoredFailure
  /** What the caller was told, and by which failure mode. */
  readonly told?: Told
  readonly output?: JsonValue
  /** A failure that is not the last word: the same key may try again. */
  readonly open?: boolean
  /** Of a queued one: its message is not in the queue yet, as far as is known. */
  readonly unpublished?: boolean
  /** Of a queued one: the queue forgets its message then, and nobody would bring it back. */
  readonly messageUntilMs?: number
}

export interface Told {
  readonly type: 'pending' | 'failed'
  readonly mode?: string
  readonly tell?: Tell
  readonly status: number
  readonly retryAfterMs?: number
}

export interface IntentRequest {
  readonly integration: string
  readonly operation: string
  readonly scope: string
  readonly key: string | undefined
  readonly input: JsonValue
  readonly ttlMs: number
  readonly nowMs: number
}

/** What becomes of an intent is stored beside its input, and must have room in the same record. */
const maxInputBytes = maxRecordBytes - 64 * 1024

/** @throws {GatewayError} OPERATION_INPUT_INVALID: the input is too large to be stored. */
export function newIntent({ integration, operation, scope, key, input, ttlMs, nowMs }: IntentRequest): Intent {
  const text = canonicalJson(input)
  if (Buffer.byteLength(text) > maxInputBytes) {
    throw new GatewayError('OPERATION_INPUT_INVALID', { detail: `The input is larger than ${maxInputBytes} bytes.` })
  }
  const name = hash(JSON.stringify(key === undefined ? [randomBytes(32).toString('hex')] : [integration, operation, scope, key]))
  return {
    id: `int_${name.toString('hex').slice(0, 36)}`,
    integration,
    operation,
    key: `hg_${name.toString('base64url')}`,
    digest: hash(text).toString('base64url'),
    input,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    sinceMs: nowMs,
    ttlMs,
    by: integration,
    tried: [integration],
    attempts: 0,
    unsure: false,
  }
}

/** Tells providers apart that one name of an integration means one after the other: they know nothing of each other's keys. */
export const providerOf = ({ plugin, baseUrl }: Pick<IntegrationConfig, 'plugin' | 'baseUrl'>): string =>
  hash(JSON.stringify([plugin, baseUrl])).toString('base64url')

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()

/** JSON with its keys in order and without spaces: two texts are equal when the values are. */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`
}

/** The text of a record. Output that is too large to keep is left out: a replay then has `null` in its place. */
export function encodeIntent(intent: Intent, owner: string): string {
  const text = JSON.stringify({ ...intent, owner })
  if (Buffer.byteLength(text) <= maxRecordBytes) return text
  if (intent.output === undefined) throw new GatewayError('OPERATION_INPUT_INVALID', { detail: `The input is larger than ${maxRecordBytes} bytes.` })
  return JSON.stringify({ ...intent, output: null, owner })
}

export function decodeIntent(value: string): Intent & { readonly owner: string } {
  const intent = JSON.parse(value) as Intent & { readonly owner: string; readonly ttlMs: number | null }
  // JSON has no word for never.
  return { ...intent, ttlMs: intent.ttlMs ?? Infinity }
}

export const isEnded = (state: IntentState): boolean => state === 'completed' || state === 'failed' || state === 'skipped'

/** What a failure mode tells the caller; `status` is that of an answer where the mode gives none. */
export const toldBy = (type: Told['type'], mode: FailureModeConfig | undefined, status: number, retryAfterMs?: number): Told => ({
  type,
  status: mode?.status ?? status,
  ...(mode === undefined ? {} : { mode: mode.name }),
  ...(mode?.tell === undefined ? {} : { tell: mode.tell }),
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
})

/** What became of an intent, for who asks again with its key or who waited for it. `waits`: for one whose caller comes again by himself. */
export function resultOf(intent: Intent, state: IntentState, options: { readonly replayed: boolean; readonly waits: boolean }): OperationResult {
  const { id, told, failure = lostFailure } = intent
  const { replayed } = options
  const said = { mode: told?.mode, tell: told?.tell }
  if (state === 'completed') return { type: 'completed', id, output: intent.output ?? null, replayed, by: intent.by }
  if (state === 'skipped') return { type: 'skipped', id, mode: told?.mode ?? 'skip', tell: told?.tell, status: told?.status ?? 200, replayed }
  if (state === 'failed' || (state === 'review' && options.waits) || (state !== 'running' && told?.type === 'failed')) {
    return { type: 'failed', id, failure, ...said, status: told?.status ?? 502, replayed }
  }
  return { type: 'pending', id, ...said, status: told?.status ?? 202, retryAfterMs: told?.retryAfterMs, replayed }
}

/** Of an intent whose process died before it could say why. */
const lostFailure: StoredFailure = { kind: 'internal', executed: 'unknown', message: 'the process that worked on it has ended' }

export const statusOf = (intent: Intent, state: IntentState): IntentStatus => ({
  id: intent.id,
  integration: intent.integration,
  operation: intent.operation,
  state,
  createdAtMs: intent.createdAtMs,
  updatedAtMs: intent.updatedAtMs,
  attempts: intent.attempts,
  failure: intent.failure,
  mode: intent.told?.mode,
  tell: intent.told?.tell,
  ...(state === 'failed' && intent.told?.type === 'failed' ? { status: intent.told.status } : {}),
  output: state === 'completed' ? intent.output : undefined,
})
