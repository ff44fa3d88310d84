import type { Flows } from '../../gateway/flows/flows.ts'
import type { IntentDesk } from '../../gateway/integrations/intent-desk.ts'
import type { Operations } from '../../gateway/integrations/operation.ts'

const absent = (): Promise<never> => Promise.reject(new Error('not here'))

/** For scenes without integrations. */
export const absentOperations: Operations = { execute: absent, resume: absent, status: () => Promise.resolve(undefined) }

/** For scenes without flows. */
export const absentFlows: Flows = {
  start: absent,
  get: () => Promise.resolve(undefined),
  wait: () => Promise.resolve(undefined),
  list: () => Promise.resolve({ flows: [], cursor: undefined }),
  retry: () => Promise.resolve(false),
}

export const absentIntents: IntentDesk = {
  list: () => Promise.resolve({ intents: [], cursor: undefined }),
  show: () => Promise.resolve(undefined),
  settle: () => Promise.resolve(undefined),
}
