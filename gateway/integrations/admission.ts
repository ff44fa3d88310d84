import type { JsonValue } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { answerFor } from './engine.ts'
import type { Intent } from './intent.ts'
import type { Found } from './intent-ledger.ts'
import type { OperationResult } from './operation.ts'
import type { Driver } from './verdict.ts'

/** An intent that exists already: it is answered from its record, or gone on with. */
export type Admission =
  | { readonly type: 'answer'; readonly result: OperationResult }
  | { readonly type: 'take'; readonly change: (intent: Intent) => Intent }

/** A message that comes back a hair too early is not sent away again. */
const slackMs = 50

/**
 * @param input Of the caller who names the intent again; undefined for who only knows its id.
 * @throws {GatewayError} IDEMPOTENCY_IN_PROGRESS
 */
export function admission(found: Found, driver: Driver, nowMs: number, input?: JsonValue): Admission {
  const { intent, state, record } = found
  const answer: Admission = { type: 'answer', result: answerFor(found, { driver }, true) }
  switch (state) {
    case 'running':
      if (record.dueAtMs > nowMs) throw new GatewayError('IDEMPOTENCY_IN_PROGRESS', { retryAfterSeconds: 1 })
      // Whoever worked on it is dead, perhaps in the middle of an attempt.
      return { type: 'take', change: (dead) => ({ ...dead, unsure: true, silentAtMs: Math.max(dead.silentAtMs ?? 0, record.dueAtMs) }) }
    case 'failed':
      if (intent.open !== true || input === undefined) return answer
      return { type: 'take', change: (old) => again(old, input, nowMs) }
    case 'queued':
    case 'verifying': {
      if (driver === 'door') return answer
      const restMs = (intent.notBeforeMs ?? 0) - nowMs
      if (driver === 'background' || restMs <= slackMs) return { type: 'take', change: withoutWait }
      return {
        type: 'answer',
        result: { type: 'wait', id: intent.id, mode: intent.told?.mode, delayMs: restMs, counted: false, failure: intent.failure },
      }
    }
    case 'completed':
    case 'skipped':
    case 'review':
      return answer
  }
}

/** Its age counts anew, unless something may have happened in its first life. */
const again = ({ open: _open, told: _told, ...old }: Intent, input: JsonValue, nowMs: number): Intent => ({
  ...old,
  input,
  sinceMs: old.unsure ? old.sinceMs : nowMs,
  updatedAtMs: nowMs,
})

const withoutWait = ({ notBeforeMs: _notBefore, unpublished: _unpublished, ...rest }: Intent): Intent => rest
