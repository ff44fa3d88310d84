import type { Alert } from '../alerts/alert.ts'
import type { FlowRecord } from './flow-record.ts'

/** What a person should know of a flow that did not end well; undefined where there is nothing to tell. */
export function flowAlert({ id, flow, state, steps, cause }: FlowRecord): Alert | undefined {
  if (state !== 'compensated' && state !== 'review') return undefined
  const left = steps.filter((step) => step.state === 'not_undone').map(({ name }) => name)
  const review = state === 'review'
  return {
    about: `flow.${flow}/${state}`,
    summary: review
      ? `Flow ${flow} waits for a person: ${left.join(', ')} could not be undone.`
      : `Flow ${flow} has failed${cause === undefined ? '' : ` at ${cause.step}`}, and what was done is undone.`,
    severity: review ? 'critical' : 'warning',
    fields: { flow, id, ...(cause === undefined ? {} : { step: cause.step, failure: cause.failure.kind }) },
  }
}
