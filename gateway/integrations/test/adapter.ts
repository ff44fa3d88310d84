import { failureOfStatus, ProviderFailure, retryAfterOf } from '../../plugin.ts'
import type { Adapter, AdapterContext, Json, OperationCall, OperationDefinition } from '../../plugin.ts'

const output = { type: 'object', required: ['id'], additionalProperties: false, properties: { id: { type: 'string' } } } as const

const operation = (idempotency: OperationDefinition['idempotency'], duplicates: OperationDefinition['duplicates']): OperationDefinition => ({
  summary: 'Has an effect.',
  input: {
    type: 'object',
    required: ['amount'],
    additionalProperties: false,
    properties: { amount: { type: 'integer' }, template: { type: 'string' }, currency: { type: 'string', default: 'eur' } },
  },
  output,
  idempotency,
  duplicates,
  templateField: 'template',
  maxBatch: 10,
  undo: {},
})

/** An adapter of the provider beside it: one operation for each combination of nature and harm, told apart by their names. */
export const testAdapter: Adapter = {
  interface: 1,
  type: 'test',
  capability: 'payments',
  summary: 'A provider for tests.',
  auth: ['none'],
  settings: { type: 'object', additionalProperties: false, properties: {} },
  operations: {
    pay: operation('key', 'harmful'),
    pay_and_ask: operation('key', 'harmful'),
    pay_once: operation('none', 'harmful'),
    pay_once_and_ask: operation('none', 'harmful'),
    capture: operation('inherent', 'harmful'),
    send: operation('none', 'tolerable'),
    send_with_key: operation('key', 'tolerable'),
    read: operation('inherent', 'tolerable'),
    sign_in: { ...operation('none', 'tolerable'), ephemeral: true },
    stuck: operation('key', 'harmful'),
    broken: operation('key', 'harmful'),
  },
  create: (context) => {
    const run = (call: OperationCall): Promise<Json> => send(context, call)
    const lookup = async (call: OperationCall): Promise<{ found: 'done'; output: Json } | { found: 'absent' }> => {
      const headers = { 'idempotency-key': call.key }
      const answer = await context.http.request({ method: 'GET', path: '/charges', headers, signal: call.signal })
      return answer.status === 200 ? { found: 'done', output: answer.json() } : { found: 'absent' }
    }
    return {
      operations: {
        pay: { run },
        pay_and_ask: { run, lookup },
        pay_once: { run },
        capture: { run },
        pay_once_and_ask: { run, lookup },
        send: {
          run,
          runBatch: (calls) => Promise.all(calls.map((call) => send(context, call).catch((error: unknown) => error as ProviderFailure))),
        },
        send_with_key: { run },
        sign_in: { run },
        read: { run, local: () => ({ id: 'remembered' }) },
        stuck: { run: () => new Promise(() => undefined) },
        broken: { run: () => Promise.reject(new TypeError('undefined is not a function')) },
      },
    }
  },
}

async function send(context: AdapterContext, call: OperationCall): Promise<Json> {
  const headers = { 'idempotency-key': call.key }
  const answer = await context.http.request({ method: 'POST', path: '/charges', headers, json: call.input, signal: call.signal })
  if (answer.status === 200) return answer.json()
  if (answer.status === 402) throw new ProviderFailure('rejected', 'declined', { executed: 'no', status: 402, code: 'card_declined' })
  if (answer.status === 422) throw new ProviderFailure('template_error', 'no such template', { executed: 'no', status: 422 })
  const { kind, executed } = failureOfStatus(answer.status)
  const retryAfterMs = retryAfterOf(answer.headers, context.now())
  const details = retryAfterMs === undefined ? {} : { retryAfterMs }
  throw new ProviderFailure(kind, `status ${answer.status}`, { executed, status: answer.status, ...details })
}
