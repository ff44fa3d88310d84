import type { GatewayConfig } from '../../config/model.ts'
import type { MetricSnapshot } from '../fleet.ts'
import type { Runtime } from '../runtime.ts'
import { failureOf, isWorkerRequest } from './messages.ts'
import type { WorkerAnswer, WorkerOperations, WorkerRequest } from './messages.ts'

export interface WorkerDeps {
  readonly plane: Runtime
  readonly metrics: () => Promise<readonly MetricSnapshot[]>
  readonly send: (answer: WorkerAnswer) => void
  /** Everything is closed: the process may end. */
  readonly onClosed: () => void
}

/** The worker's side of the conversation: give it every message of the supervisor. Never throws, never rejects. */
export const worker = (deps: WorkerDeps): ((message: unknown) => Promise<void>) => {
  const { plane } = deps

  const perform = async (request: WorkerRequest): Promise<unknown> => {
    switch (request.operation) {
      case 'apply':
        // The supervisor of the same program sent it; it is plain data that the config room has proved.
        await plane.apply(request.body as GatewayConfig)
        return plane.listeners
      case 'metrics':
        return deps.metrics()
      case 'status':
        return plane.status()
      case 'pause': {
        const { consumer, paused } = request.body as WorkerOperations['pause']['request']
        return plane.pauseConsumer(consumer, paused)
      }
      case 'drain':
        return plane.drain()
      case 'close':
        return plane.close()
    }
  }

  return async (message) => {
    if (!isWorkerRequest(message)) return
    try {
      deps.send({ id: message.id, ok: true, body: await perform(message) })
    } catch (error) {
      deps.send({ id: message.id, ok: false, error: failureOf(error) })
    }
    if (message.operation === 'close') deps.onClosed()
  }
}
