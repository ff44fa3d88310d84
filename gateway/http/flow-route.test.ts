import { afterEach, describe, expect, test } from 'vitest'
import { absentFlows } from '../../test/kit/absent.ts'
import { ask } from '../../test/kit/ask.ts'
import type { Asked } from '../../test/kit/ask.ts'
import type { FlowConfig, FlowTarget } from '../../config/model.ts'
import type { FlowRequest, FlowStatus } from '../flows/flows.ts'
import { flowRoute } from './flow-route.ts'
import { flowSource } from './status-documents.ts'
import { statusRoute } from './status-route.ts'
import { statusWait } from './status-wait.ts'
import { ruleOf, startDoor } from './test/door.ts'
import type { Door } from './test/door.ts'

let door: Door
let asked: FlowRequest[] = []
let waits: number[] = []
let begun: FlowStatus & { replayed: boolean }
let later: FlowStatus | undefined

const target: FlowTarget = {
  type: 'flow',
  flow: 'order_placement',
  idempotency: { header: 'idempotency-key', required: false, ttlMs: 60_000 },
  response: { status: 201, headers: [], body: { order: '{{ output.id }}' } },
}
const flow: FlowConfig = {
  name: 'order_placement',
  origin: 'gateway.yaml:1:1',
  deadlineMs: 60_000,
  waitMs: 700,
  keepMs: 60_000,
  steps: [],
  tell: [{ language: 'en', text: 'Your order is on its way' }],
}
const failure = { kind: 'rejected', executed: 'no', message: 'secret words' } as const
const running: FlowStatus = {
  id: 'flow_1',
  flow: 'order_placement',
  state: 'running',
  createdAtMs: 0,
  updatedAtMs: 1000,
  input: {},
  output: undefined,
  steps: [{ name: 'pay', state: 'started', attempts: 1, output: undefined, failure: undefined }],
}
const compensated: FlowStatus = {
  ...running,
  state: 'compensated',
  cause: { step: 'pay', failure },
  steps: [{ name: 'pay', state: 'failed', attempts: 1, output: undefined, failure }],
}

async function start(): Promise<void> {
  asked = []
  waits = []
  begun = { ...running, replayed: false }
  later = undefined
  const config = ruleOf({ target })
  const flows = {
    ...absentFlows,
    start: (request: FlowRequest) => {
      asked.push(request)
      return Promise.resolve(begun)
    },
    wait: (_id: string, ms: number) => {
      waits.push(ms)
      return Promise.resolve(later)
    },
    get: () => Promise.resolve(later),
  }
  door = await startDoor((parts) => {
    const deps = { ...parts, flows, statusPath: '/-/messages', wait: statusWait(parts.now) }
    const jobs = { get: () => Promise.resolve(undefined), wait: () => Promise.resolve(undefined) }
    return [
      flowRoute(config, target, flow, deps),
      statusRoute({ ...deps, jobs: jobs as never, queueRules: [config], queues: [], consumers: [], sources: [flowSource(flows)] }),
    ]
  })
}

afterEach(() => door.close())

const post = (headers: Record<string, string> = {}): Promise<Asked> =>
  ask(`${door.url}/orders`, { method: 'POST', body: '{"tea":2}', headers: { 'idempotency-key': 'k1', ...headers } })
const jsonOf = ({ body }: Asked): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>

describe('a request for a flow', () => {
  test('that ends while its caller waits is answered as the rule says', async () => {
    await start()
    later = { ...running, state: 'completed', output: { id: 'o7' } }
    const got = await post()
    expect([got.status, jsonOf(got)]).toEqual([201, { order: 'o7' }])
    expect(asked).toMatchObject([{ flow: 'order_placement', input: { tea: 2 }, key: 'k1', scope: '["/orders",[]]' }])
    expect(waits).toEqual([700])
  })

  test('that takes longer is answered with 202, its words and where to ask', async () => {
    await start()
    const got = await post()
    expect([got.status, jsonOf(got)]).toEqual([
      202,
      { id: 'flow_1', status: 'processing', message: 'Your order is on its way', status_url: '/-/messages/flow_1' },
    ])
    later = running
    const shown = await ask(`${door.url}/-/messages/flow_1`, {})
    expect([shown.status, shown.headers['retry-after'], jsonOf(shown)]).toMatchObject([
      200,
      '1',
      { status: 'running', steps: [{ name: 'pay', status: 'started' }] },
    ])
  })

  test('waits as long as its caller wishes, or not at all', async () => {
    await start()
    await post({ prefer: 'wait=3' })
    await post({ prefer: 'respond-async' })
    expect(waits).toEqual([3000])
  })

  test('that was undone is a problem document: the request’s fault where the failed step says so', async () => {
    await start()
    later = compensated
    const got = await post()
    expect([got.status, jsonOf(got)]).toMatchObject([422, { code: 'FLOW_COMPENSATED', failure: 'rejected', id: 'flow_1' }])
    expect(got.body).not.toContain('secret')
    expect(got.body).not.toContain('on its way')
    later = { ...compensated, cause: { step: 'pay', failure: { ...failure, kind: 'timeout' } } }
    expect((await post()).status).toBe(502)
  })

  test('that was undone tells its caller, in his language, what the failure mode of the step says, however the step itself ended', async () => {
    await start()
    const tell = [
      { language: 'en', text: 'Your card was declined' },
      { language: 'de', text: 'Ihre Karte wurde abgelehnt' },
    ]
    later = {
      ...compensated,
      cause: { step: 'pay', failure, tell },
      steps: [{ name: 'pay', state: 'undone', attempts: 2, output: undefined, failure: { ...failure, kind: 'timeout' } }],
    }
    const got = await post({ 'accept-language': 'de-AT' })
    expect([got.status, got.headers['content-language'], jsonOf(got)]).toMatchObject([
      422,
      'de',
      { code: 'FLOW_COMPENSATED', failure: 'rejected', detail: 'Ihre Karte wurde abgelehnt' },
    ])
    const shown = await ask(`${door.url}/-/messages/flow_1`, { headers: { 'accept-language': 'en' } })
    expect(jsonOf(shown)).toMatchObject({ status: 'compensated', message: 'Your card was declined' })
  })

  test('that is repeated gets the same flow', async () => {
    await start()
    begun = { ...running, state: 'completed', output: { id: 'o7' }, replayed: true }
    const got = await post()
    expect([got.status, got.headers['idempotent-replayed']]).toEqual([201, 'true'])
    expect(waits).toEqual([])
  })
})
