import type { Flows, FlowStatus } from '../flows/flows.ts'
import type { IntentStatus, Operations } from '../integrations/operation.ts'
import { told } from './accept-language.ts'
import type { Told } from './accept-language.ts'

/** What a status resource shows. */
export interface StatusDocument {
  readonly ended: boolean
  readonly body: string
  readonly headers: readonly string[]
}

/** Where things are kept whose status can be asked for. */
export interface StatusSource {
  /** Undefined when nothing is known of the id. @throws {GatewayError} STATE_UNAVAILABLE */
  get(id: string, acceptLanguage: string | undefined): Promise<StatusDocument | undefined>
}

const words: Readonly<Record<IntentStatus['state'], string>> = {
  running: 'processing',
  queued: 'queued',
  verifying: 'verifying',
  completed: 'completed',
  failed: 'failed',
  skipped: 'skipped',
  review: 'review',
}

const endedIntents: ReadonlySet<string> = new Set(['completed', 'failed', 'skipped', 'review'])

/** Intents of operations: the failure as its kind alone, because its words may tell of the inside. */
export const intentSource = ({ status }: Pick<Operations, 'status'>): StatusSource => ({
  get: async (id, acceptLanguage) => {
    const intent = await status(id)
    if (intent === undefined) return undefined
    const text = told(intent.tell, acceptLanguage)
    const { failure } = intent
    return {
      ended: endedIntents.has(intent.state),
      headers: text?.headers ?? [],
      body: JSON.stringify({
        id: intent.id,
        operation: `${intent.integration}.${intent.operation}`,
        status: words[intent.state],
        ...(text && intent.state !== 'completed' ? { message: text.text } : {}),
        created_at: new Date(intent.createdAtMs).toISOString(),
        updated_at: new Date(intent.updatedAtMs).toISOString(),
        attempts: intent.attempts,
        ...(failure === undefined ? {} : { last_error: { type: failure.kind, ...(failure.code === undefined ? {} : { code: failure.code }) } }),
        ...(intent.output === undefined ? {} : { result: { status: 200, content_type: 'application/json', body: intent.output } }),
      }),
    }
  },
})

const endedFlows: ReadonlySet<string> = new Set(['completed', 'compensated', 'review'])

export const flowSource = ({ get }: Pick<Flows, 'get'>): StatusSource => ({
  get: async (id, acceptLanguage) => {
    const flow = await get(id)
    if (flow === undefined) return undefined
    const text = told(flow.cause?.tell, acceptLanguage)
    return { ended: endedFlows.has(flow.state), headers: text?.headers ?? [], body: JSON.stringify(flowDocument(flow, text)) }
  },
})

const flowDocument = (flow: FlowStatus, text: Told | undefined): object => ({
  id: flow.id,
  flow: flow.flow,
  status: flow.state,
  ...(text && { message: text.text }),
  created_at: new Date(flow.createdAtMs).toISOString(),
  updated_at: new Date(flow.updatedAtMs).toISOString(),
  steps: flow.steps.map(({ name, state, attempts, failure }) => ({
    name,
    status: state,
    attempts,
    ...(failure === undefined ? {} : { last_error: { type: failure.kind, ...(failure.code === undefined ? {} : { code: failure.code }) } }),
  })),
  ...(flow.output === undefined ? {} : { result: { status: 200, content_type: 'application/json', body: flow.output } }),
})
