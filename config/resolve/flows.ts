import { flow as flowSchema } from '../../schemas/flows.ts'
import type { FlowCall, FlowConfig, FlowStepConfig, HeaderPair, IntegrationConfig, JsonTemplate } from '../model.ts'
import type { Tree } from '../source/tree.ts'
import { resolveTell } from './failure-modes.ts'
import type { ValidCall, ValidFlow, ValidInput, ValidStep } from './input.ts'
import { originOf } from './integrations.ts'
import { readDurationMs } from './readers.ts'

/** @param integrations Those in force: a step without a compensation of its own has that of its operation. */
export const resolveFlows = (tree: Tree, input: ValidInput, integrations: readonly IntegrationConfig[]): FlowConfig[] =>
  Object.entries(input.flows ?? {}).map(([name, flow]) => resolveFlow(name, flow, originOf(tree, ['flows', name]), integrations))

const resolveFlow = (name: string, flow: ValidFlow, origin: string, integrations: readonly IntegrationConfig[]): FlowConfig => ({
  name,
  origin,
  ...(flow.description !== undefined && { description: flow.description }),
  ...(flow.input !== undefined && { input: flow.input }),
  deadlineMs: readDurationMs(flow.deadline),
  waitMs: readDurationMs(flow.wait),
  keepMs: readDurationMs(flow.keep),
  steps: flow.steps.map((step) => resolveStep(step, integrations)),
  ...(flow.output !== undefined && { output: flow.output as JsonTemplate }),
  ...(flow.tell && { tell: resolveTell(flow.tell) }),
  ...(flow.alert !== undefined && { alert: flow.alert }),
})

const resolveStep = (step: ValidStep, integrations: readonly IntegrationConfig[]): FlowStepConfig => {
  const call = resolveCall(step)
  return {
    name: step.name,
    call,
    ...(step.when !== undefined && { when: step.when }),
    timeoutMs: readDurationMs(step.timeout),
    retry: {
      maxAttempts: step.retry.max_attempts,
      baseDelayMs: readDurationMs(step.retry.base_delay),
      maxDelayMs: readDurationMs(step.retry.max_delay),
    },
    onFailure: step.on_failure,
    compensation: resolveCompensation(step, call, integrations),
  }
}

const resolveCompensation = (
  { compensation }: ValidStep,
  call: FlowCall,
  integrations: readonly IntegrationConfig[],
): FlowStepConfig['compensation'] => {
  if (typeof compensation === 'string') return { type: compensation }
  if (compensation !== undefined) return { type: 'call', call: resolveCall(compensation) }
  if (call.type === 'service') return { type: 'none' }
  const declared = integrations.find(({ name }) => name === call.integration)?.operations.find(({ name }) => name === call.operation)?.compensation
  if (declared === undefined) return { type: 'none' }
  return declared === 'manual_review' ? { type: 'manual_review' } : { type: 'undo', operation: declared }
}

/** What a call gets that says nothing of its input. */
const wholeInput = '{{ input }}'

const resolveCall = (call: ValidCall): FlowCall => {
  const { service, path, integration, operation, method = flowSchema.properties.steps.items.properties.method.default } = call
  if (service !== undefined && path !== undefined) {
    const headers = Object.entries(call.headers ?? {}).map(([name, value]): HeaderPair => [name.toLowerCase(), value])
    return { type: 'service', service, method, path, headers, ...(call.body !== undefined && { body: call.body as JsonTemplate }) }
  }
  if (integration === undefined || operation === undefined) throw new TypeError('a step was accepted without a target')
  return { type: 'operation', integration, operation, input: (call.input as JsonTemplate | undefined) ?? wholeInput }
}
