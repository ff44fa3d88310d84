import type { Decision, IntentDesk } from '../integrations/intent-desk.ts'
import { intentStates } from '../integrations/operation.ts'
import type { IntentStatus } from '../integrations/operation.ts'
import { isoText } from './dead-letters/selection.ts'
import type { Asked, Endpoint } from './endpoint.ts'
import { pageRequest } from './flows-page.ts'
import { json, problemAnswer } from './respond.ts'
import type { Answer } from './respond.ts'

export const intentEndpoints = (intents: IntentDesk): readonly Endpoint[] => [
  {
    method: 'GET',
    path: '/-/intents',
    summary: 'intents of integrations, newest first; ?operation= state= limit= cursor=',
    answer: ({ query }) => listed(intents, query),
  },
  { method: 'GET', path: '/-/intents/{id}', summary: 'one intent', answer: ({ parameters }) => shown(intents, idOf(parameters)) },
  {
    method: 'POST',
    path: '/-/intents/{id}/settle',
    summary: 'decides about an intent under review; {"as": "completed" | "failed" | "retry"}',
    answer: ({ parameters, body }) => settled(intents, idOf(parameters), body),
  },
]

const decisions: readonly Decision[] = ['completed', 'failed', 'retry']

const idOf = (parameters: Asked['parameters']): string => parameters['id'] ?? ''

const unknown = (): Answer => problemAnswer(404, 'There is no intent of this id, or it ended so long ago that it is forgotten.')

const listed = async (intents: IntentDesk, query: URLSearchParams): Promise<Answer> => {
  const wanted = pageRequest(query, ['operation'], intentStates)
  if (!wanted.ok) return problemAnswer(400, wanted.message)
  const { operation, state, cursor, limit } = wanted.page
  const found = await intents.list({
    limit,
    ...(operation === undefined ? {} : { operation }),
    ...(state === undefined ? {} : { state }),
    ...(cursor === undefined ? {} : { cursor }),
  })
  return json({ intents: found.intents.map(intentSummary), ...(found.cursor === undefined ? {} : { cursor: found.cursor }) })
}

const shown = async (intents: IntentDesk, id: string): Promise<Answer> => {
  const intent = await intents.show(id)
  return intent === undefined ? unknown() : json({ ...intentSummary(intent), tell: intent.tell, output: intent.output })
}

const settled = async (intents: IntentDesk, id: string, body: Buffer): Promise<Answer> => {
  const decision = decisionIn(body)
  if (decision === undefined) return problemAnswer(400, `The body must be {"as": ...} with one of ${decisions.join(', ')}.`)
  const intent = await intents.settle(id, decision)
  if (intent !== undefined) return json(intentSummary(intent))
  const now = await intents.show(id)
  return now === undefined ? unknown() : problemAnswer(409, `The intent is not under review: it is ${now.state}.`, { state: now.state })
}

const decisionIn = (body: Buffer): Decision | undefined => {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value !== 'object' || value === null || !('as' in value)) return undefined
    return decisions.find((one) => one === value.as)
  } catch {
    return undefined
  }
}

const intentSummary = ({ id, integration, operation, state, attempts, failure, mode, createdAtMs, updatedAtMs }: IntentStatus): object => ({
  id,
  integration,
  operation,
  state,
  attempts,
  mode,
  failure,
  createdAt: isoText(createdAtMs),
  updatedAt: isoText(updatedAtMs),
})
