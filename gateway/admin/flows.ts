import type { FlowDesk } from '../flows/flow-desk.ts'
import { flowStates } from '../flows/flows.ts'
import type { FlowStatus } from '../flows/flows.ts'
import { isoText } from './dead-letters/selection.ts'
import type { Asked, Endpoint } from './endpoint.ts'
import { pageRequest } from './flows-page.ts'
import { json, problemAnswer } from './respond.ts'
import type { Answer } from './respond.ts'

export const flowEndpoints = (flows: FlowDesk): readonly Endpoint[] => [
  {
    method: 'GET',
    path: '/-/flows',
    summary: 'flows, newest first; ?flow= state= limit= cursor=',
    answer: ({ query }) => listed(flows, query),
  },
  { method: 'GET', path: '/-/flows/{id}', summary: 'one flow with its steps', answer: ({ parameters }) => shown(flows, idOf(parameters)) },
  {
    method: 'POST',
    path: '/-/flows/{id}/retry',
    summary: 'goes on at once with a flow that waits or is parked for review',
    answer: ({ parameters }) => retried(flows, idOf(parameters)),
  },
]

const idOf = (parameters: Asked['parameters']): string => parameters['id'] ?? ''

const unknown = (): Answer => problemAnswer(404, 'There is no flow of this id, or it ended so long ago that it is forgotten.')

const listed = async (flows: FlowDesk, query: URLSearchParams): Promise<Answer> => {
  const wanted = pageRequest(query, ['flow'], flowStates)
  if (!wanted.ok) return problemAnswer(400, wanted.message)
  const { flow, state, cursor, limit } = wanted.page
  const found = await flows.list({
    limit,
    ...(flow === undefined ? {} : { flow }),
    ...(state === undefined ? {} : { state }),
    ...(cursor === undefined ? {} : { cursor }),
  })
  return json({ flows: found.flows.map(flowSummary), ...(found.cursor === undefined ? {} : { cursor: found.cursor }) })
}

const shown = async (flows: FlowDesk, id: string): Promise<Answer> => {
  const flow = await flows.get(id)
  return flow === undefined ? unknown() : json(flowView(flow))
}

const retried = async (flows: FlowDesk, id: string): Promise<Answer> => {
  const going = await flows.retry(id)
  const flow = await flows.get(id)
  if (flow === undefined) return unknown()
  return going ? json(flowSummary(flow)) : problemAnswer(409, `The flow has ended: it is ${flow.state}.`, { state: flow.state })
}

/** Without what callers and services said. */
const flowSummary = ({ id, flow, state, createdAtMs, updatedAtMs, steps }: FlowStatus): object => ({
  id,
  flow,
  state,
  createdAt: isoText(createdAtMs),
  updatedAt: isoText(updatedAtMs),
  steps: steps.map(({ name, state: stepState, attempts, failure }) => ({ name, state: stepState, attempts, failure })),
})

const flowView = (flow: FlowStatus): object => ({ ...flowSummary(flow), input: flow.input, output: flow.output, steps: flow.steps })
