import type { Flows, FlowStatus } from './flows/flows.ts'
import type { Operations } from './integrations/operation.ts'
import type { SealedIds } from './state/sealed-ids.ts'

/** What callers from outside get: the same, with ids that cannot be guessed. */
export const sealedOperations = (operations: Operations, ids: SealedIds): Pick<Operations, 'execute' | 'status'> => ({
  execute: async (request) => {
    const result = await operations.execute(request)
    // Nobody asks for what is done; a question that was answered needs no store.
    return result.type === 'completed' ? result : { ...result, id: await ids.seal(result.id) }
  },
  status: async (sealed) => {
    const id = await ids.open(sealed)
    const status = id === undefined ? undefined : await operations.status(id)
    return status === undefined ? undefined : { ...status, id: sealed }
  },
})

export const sealedFlows = (flows: Flows, ids: SealedIds): Pick<Flows, 'start' | 'get' | 'wait'> => {
  const looked = async (sealed: string, look: (id: string) => Promise<FlowStatus | undefined>): Promise<FlowStatus | undefined> => {
    const id = await ids.open(sealed)
    const status = id === undefined ? undefined : await look(id)
    return status === undefined ? undefined : { ...status, id: sealed }
  }
  return {
    start: async (request) => {
      const status = await flows.start(request)
      return { ...status, id: await ids.seal(status.id) }
    },
    get: (sealed) => looked(sealed, flows.get),
    wait: (sealed, ms, signal) => looked(sealed, (id) => flows.wait(id, ms, signal)),
  }
}
