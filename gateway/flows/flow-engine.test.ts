import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { startUpstream } from '../../test/kit/upstream.ts'
import type { SeenRequest, TestUpstream } from '../../test/kit/upstream.ts'
import { until } from '../../test/kit/until.ts'
import { metrics } from '../observe/metrics.ts'
import { completed, deleted, endOf, flowConfig, flowScene, operationStep, refused, serviceStep } from './test/flow-scene.ts'
import type { SceneOptions } from './test/flow-scene.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

type Handler = (req: IncomingMessage, res: ServerResponse, seen: SeenRequest) => void

const answer = (res: ServerResponse, status: number, body?: object): void => {
  res.writeHead(status, { 'content-type': 'application/json' })
  res.end(body === undefined ? '' : JSON.stringify(body))
}

const scene = async (options: SceneOptions, handler: Handler = (_req, res, { url }) => answer(res, 201, { id: `of ${url}` })) => {
  const upstream: TestUpstream = await startUpstream(handler)
  open.push(upstream)
  const one = flowScene({ url: upstream.url, ...options })
  open.push(one)
  return { ...one, upstream, calls: () => upstream.seen.map(({ method, url }) => `${method} ${url}`) }
}

/** What is known of an intent; `completed` with its output where nothing else is said. */
const intent = {
  id: 'int_1',
  integration: 'payment',
  operation: 'create_payment',
  state: 'completed',
  createdAtMs: 0,
  updatedAtMs: 0,
  attempts: 1,
  mode: undefined,
  tell: undefined,
  failure: undefined,
  output: { id: 'p1' },
} as const

const request = { flow: 'order', input: { order: 7, amount: 100 }, key: 'k1', scope: 'test' }

describe('a flow', () => {
  test('does its steps in order, each with its own key, and hands outputs on', async () => {
    const steps = [
      serviceStep('reserve'),
      operationStep('pay'),
      serviceStep('confirm', { path: '/orders/{{ input.order }}/{{ steps.pay.output.id }}?by={{ steps.reserve.output.id }}', method: 'PUT' }),
    ]
    const { engine, upstream, requests } = await scene({ flows: [flowConfig(steps)], operation: () => completed({ id: 'pay/1' }) })
    const begun = await engine.start({ ...request, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' })
    expect(begun).toMatchObject({ flow: 'order', state: 'running', replayed: false })
    const status = await endOf(engine, begun.id)
    expect(status.state).toBe('completed')
    expect(status.output).toMatchObject({ reserve: { id: 'of /reserve' }, pay: { id: 'pay/1' } })
    expect(upstream.seen.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/reserve', '{"order":7}'],
      ['PUT', '/orders/7/pay%2F1?by=of%20%2Freserve', '{"order":7}'],
    ])
    expect(upstream.seen[0]?.headers).toMatchObject({ 'idempotency-key': `${begun.id}.reserve`, 'content-type': 'application/json' })
    expect(upstream.seen[0]?.headers['traceparent']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-/)
    expect(requests).toMatchObject([{ key: `${begun.id}.pay`, scope: 'order', from: 'step', input: { amount: 100 } }])
  })

  test('is found again by its key, and refused where the input is another one', async () => {
    const { engine, upstream } = await scene({ flows: [flowConfig([serviceStep('reserve')])] })
    const [one, two] = await Promise.all([engine.start(request), engine.start({ ...request, input: { amount: 100, order: 7 } })])
    expect(one.id).toBe(two.id)
    expect(one.replayed).toBe(!two.replayed)
    await endOf(engine, one.id)
    await expect(engine.start({ ...request, input: { order: 8 } })).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    expect((await engine.start({ ...request, scope: 'other' })).id).not.toBe(one.id)
    expect((await engine.start({ ...request, key: undefined })).id).not.toBe((await engine.start({ ...request, key: undefined })).id)
    expect(upstream.seen.filter(({ headers }) => headers['idempotency-key'] === `${one.id}.reserve`)).toHaveLength(1)
  })

  test('is refused where its input does not fit the schema', async () => {
    const input = { type: 'object', required: ['order'], properties: { order: { type: 'integer' } } }
    const { engine, store } = await scene({ flows: [flowConfig([serviceStep('reserve')], { input })] })
    await expect(engine.start({ ...request, input: { order: 'x' } })).rejects.toMatchObject({ code: 'OPERATION_INPUT_INVALID', status: 422 })
    await expect(engine.start({ ...request, input: { order: 1, more: 'x'.repeat(300_000) } })).rejects.toMatchObject({
      code: 'OPERATION_INPUT_INVALID',
    })
    expect(store.records.size).toBe(0)
  })

  test('leaves out a step whose condition is false', async () => {
    const steps = [
      serviceStep('reserve', {}, { when: 'input.amount > 1000.0' }),
      serviceStep('confirm', {}, { when: 'steps.reserve.output == null' }),
    ]
    const { engine, calls } = await scene({ flows: [flowConfig(steps, { output: { done: '{{ steps.reserve.state }}' } })] })
    const status = await endOf(engine, (await engine.start(request)).id)
    expect(status.steps.map(({ state }) => state)).toEqual(['skipped', 'done'])
    expect(status.output).toEqual({ done: 'skipped' })
    expect(calls()).toEqual(['POST /confirm'])
  })

  test('goes on without a step that may fail', async () => {
    const steps = [serviceStep('note', {}, { onFailure: 'continue' }), serviceStep('confirm')]
    const { engine } = await scene({ flows: [flowConfig(steps)] }, (_req, res, { url }) => answer(res, url === '/note' ? 422 : 200, {}))
    const status = await endOf(engine, (await engine.start(request)).id)
    expect([status.state, ...status.steps.map(({ state }) => state)]).toEqual(['completed', 'failed', 'done'])
  })

  test('repeats what may pass, with the same key', async () => {
    const answers = [503, 429, 408, 201]
    const steps = [serviceStep('reserve', {}, { retry: { maxAttempts: 4, baseDelayMs: 1, maxDelayMs: 2 } })]
    const { engine, upstream } = await scene({ flows: [flowConfig(steps)] }, (_req, res) => answer(res, answers.shift() ?? 500, {}))
    const status = await endOf(engine, (await engine.start(request)).id)
    expect(status).toMatchObject({ state: 'completed', steps: [{ attempts: 4 }] })
    expect(new Set(upstream.seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  })
})

describe('a flow that fails', () => {
  const steps = [
    serviceStep('reserve', {}, { compensation: deleted('reserve') }),
    operationStep('pay', { compensation: { type: 'undo', operation: 'refund' } }),
    serviceStep('note'),
    serviceStep('ship'),
  ]

  test('undoes its finished steps in reverse order, and tells', async () => {
    const { engine, calls, requests, alerts } = await scene(
      { flows: [flowConfig(steps, { alert: 'ops' })], operation: () => completed({ id: 'p1' }) },
      (_req, res, { url }) => answer(res, url === '/ship' ? 409 : 200, {}),
    )
    const status = await endOf(engine, (await engine.start(request)).id)
    expect(status.state).toBe('compensated')
    expect(status.steps.map(({ state }) => state)).toEqual(['undone', 'undone', 'done', 'failed'])
    expect(calls()).toEqual(['POST /reserve', 'POST /note', 'POST /ship', `DELETE /reserve/${status.id}`])
    expect(requests.map(({ operation, key, input }) => [operation, key, input])).toEqual([
      ['create_payment', `${status.id}.pay`, { amount: 100 }],
      ['refund', `${status.id}.pay.undo`, { undo: 'refund', of: { id: 'p1' } }],
    ])
    await until('it is told', () => alerts.length === 1)
    expect(alerts).toMatchObject([{ channel: 'ops', alert: { about: 'flow.order/compensated', severity: 'warning', fields: { step: 'ship' } } }])
  })

  test('undoes nothing of an operation that was refused', async () => {
    const { engine, requests } = await scene({ flows: [flowConfig(steps)], operation: () => refused('no') })
    const status = await endOf(engine, (await engine.start(request)).id)
    expect(status.steps.map(({ state }) => state)).toEqual(['undone', 'failed', 'waiting', 'waiting'])
    expect(status.steps[1]?.failure).toMatchObject({ kind: 'rejected', code: 'card_declined' })
    expect([status.state, requests.length]).toEqual(['compensated', 1])
  })

  test('fails for good after the last attempt, and undoes what that may have done', async () => {
    const flow = flowConfig([serviceStep('reserve', {}, { compensation: deleted('reserve') })])
    const { engine, calls } = await scene({ flows: [flow] }, ({ method }, res) => answer(res, method === 'POST' ? 500 : 404, {}))
    const status = await endOf(engine, (await engine.start(request)).id)
    expect(calls()).toEqual(['POST /reserve', 'POST /reserve', 'POST /reserve', `DELETE /reserve/${status.id}`])
    expect([status.state, status.steps[0]?.state]).toEqual(['compensated', 'undone'])
    expect(status.cause).toMatchObject({ step: 'reserve', failure: { status: 500 } })
  })

  test('names the step that broke it, what its failure mode tells, and no step that was allowed to fail', async () => {
    const tell = [{ language: 'en', text: 'Your card was declined' }]
    const flow = flowConfig([
      serviceStep('note', {}, { onFailure: 'continue' }),
      operationStep('pay', { compensation: { type: 'undo', operation: 'refund' } }),
    ])
    const { engine, requests, alerts } = await scene(
      {
        flows: [{ ...flow, alert: 'ops' }],
        operation: ({ operation }) => (operation === 'refund' ? completed({}) : { ...refused('yes'), tell }),
        status: () => Promise.resolve(intent),
      },
      (_req, res) => answer(res, 404, {}),
    )
    const status = await endOf(engine, (await engine.start(request)).id)
    expect(status.steps.map(({ state }) => state)).toEqual(['failed', 'undone'])
    expect(requests.map(({ operation }) => operation)).toEqual(['create_payment', 'refund'])
    expect(status.cause).toMatchObject({ step: 'pay', failure: { kind: 'rejected', code: 'card_declined' }, tell })
    await until('it is told', () => alerts.length === 1)
    expect(alerts[0]?.alert.fields).toMatchObject({ step: 'pay', failure: 'rejected' })
  })

  test('repeats a step without answer until the deadline, whatever the number of attempts', async () => {
    const flow = flowConfig([serviceStep('reserve', {}, { timeoutMs: 5, compensation: deleted('reserve') })], { deadlineMs: 300 })
    const { engine, calls } = await scene({ flows: [flow] }, ({ method }, res) => method === 'DELETE' && answer(res, 204))
    const status = await endOf(engine, (await engine.start(request)).id)
    expect(calls().filter((call) => call.startsWith('POST')).length).toBeGreaterThan(3)
    expect(calls().at(-1)).toBe(`DELETE /reserve/${status.id}`)
    expect(status).toMatchObject({ state: 'compensated', steps: [{ state: 'undone' }] })
  })

  test('tries compensations until they work', async () => {
    let refusals = 6
    const { engine, calls } = await scene({ flows: [flowConfig(steps)], operation: () => refused('no') }, ({ method }, res) =>
      answer(res, method === 'DELETE' && refusals-- > 0 ? (refusals % 2 === 0 ? 503 : 422) : 200, {}),
    )
    const status = await endOf(engine, (await engine.start(request)).id)
    expect(status.state).toBe('compensated')
    expect(calls().filter((call) => call.startsWith('DELETE'))).toHaveLength(7)
  })

  test('waits for a person when a compensation does not work in time, and goes on when told to', async () => {
    let works = false
    const flow = flowConfig(steps, { deadlineMs: 100 })
    const { engine, alerts, store } = await scene({ flows: [flow], operation: () => refused('no') }, ({ method }, res) =>
      answer(res, method === 'DELETE' && !works ? 503 : 200, {}),
    )
    const { id } = await engine.start(request)
    expect(await endOf(engine, id)).toMatchObject({ state: 'review', steps: [{ state: 'not_undone' }, {}, {}, {}] })
    await until('it is told', () => alerts.length === 1)
    expect(alerts[0]?.alert).toMatchObject({ about: 'flow.order/review', severity: 'critical' })
    expect([...store.records.values()][0]).toMatchObject({ state: 'review', dueAtMs: Infinity, expiresAtMs: Infinity })
    works = true
    expect(await engine.retry(id)).toBe(true)
    await until('it is undone', async () => (await engine.get(id))?.state === 'compensated')
    expect([await engine.retry(id), await engine.retry('flow_unknown')]).toEqual([false, false])
  })

  test('leaves to a person what is declared so, after it has undone the others', async () => {
    const flow = flowConfig([steps[0] ?? serviceStep('x'), operationStep('pay', { compensation: { type: 'manual_review' } }), serviceStep('ship')])
    const { engine, calls } = await scene({ flows: [flow], operation: () => completed({ id: 'p1' }) }, (_req, res, { url }) =>
      answer(res, url === '/ship' ? 400 : 200, {}),
    )
    const { id } = await engine.start(request)
    expect((await endOf(engine, id)).steps.map(({ state }) => state)).toEqual(['undone', 'not_undone', 'failed'])
    expect(calls().at(-1)).toBe(`DELETE /reserve/${id}`)
    expect((await engine.get(id))?.state).toBe('review')
    expect(await engine.retry(id)).toBe(true)
    await until('it counts as undone', async () => (await engine.get(id))?.state === 'compensated')
  })

  test('fails without a call where its templates do not fit', async () => {
    const flow = flowConfig([steps[0] ?? serviceStep('x'), serviceStep('ship', { path: '/ship/{{ steps.reserve.output.nothing }}' })])
    const { engine, calls } = await scene({ flows: [flow] })
    const status = await endOf(engine, (await engine.start(request)).id)
    expect([status.state, status.steps[1]?.failure?.kind]).toEqual(['compensated', 'invalid_request'])
    expect(calls()).toEqual(['POST /reserve', `DELETE /reserve/${status.id}`])
  })

  test.each(['..', '.', ''])('sends nothing to a path that a value %j would lead elsewhere', async (id) => {
    const flow = flowConfig([serviceStep('reserve'), serviceStep('ship', { path: '/ship/{{ steps.reserve.output.id }}', method: 'DELETE' })])
    const { engine, calls } = await scene({ flows: [flow] }, (_req, res) => answer(res, 200, { id }))
    const status = await endOf(engine, (await engine.start(request)).id)
    expect([status.state, status.steps[1]?.state]).toEqual(['compensated', 'failed'])
    expect(calls()).toEqual(['POST /reserve'])
  })
})

describe('an operation whose outcome is unknown', () => {
  const pending = { type: 'pending', id: 'int_1', mode: undefined, tell: undefined, status: 202, retryAfterMs: 1, replayed: false } as const
  const steps = [
    serviceStep('reserve', {}, { compensation: deleted('reserve') }),
    operationStep('pay', { compensation: { type: 'undo', operation: 'refund' } }),
  ]

  test('is asked for with its key until it is known', async () => {
    const { engine, requests } = await scene({
      flows: [flowConfig(steps)],
      operation: (_one, count) => (count < 4 ? pending : completed({ id: 'p1' })),
    })
    expect((await endOf(engine, (await engine.start(request)).id)).state).toBe('completed')
    expect(new Set(requests.map(({ key }) => key)).size).toBe(1)
  })

  test('is not repeated past the deadline, and refunded when it turns out to be done', async () => {
    const states = ['verifying', 'completed'] as const
    let asked = 0
    const { engine, requests } = await scene({
      flows: [flowConfig(steps, { deadlineMs: 100 })],
      operation: ({ operation }) => (operation === 'refund' ? completed({}) : pending),
      status: () => Promise.resolve({ ...intent, state: states[Math.min(asked++, 1)] ?? 'completed' }),
      deps: { random: () => 0 },
    })
    const status = await endOf(engine, (await engine.start(request)).id)
    expect([status.state, ...status.steps.map(({ state }) => state)]).toEqual(['compensated', 'undone', 'undone'])
    expect(requests.at(-1)).toMatchObject({ operation: 'refund', input: { of: { id: 'p1' } } })
  })

  test('leaves the flow to a person when it is under review, until that is settled', async () => {
    let state: 'review' | 'completed' = 'review'
    const { engine, calls } = await scene({
      flows: [flowConfig(steps)],
      operation: ({ operation }) => (operation === 'refund' ? completed({}) : refused('unknown')),
      status: () => Promise.resolve({ ...intent, state, output: undefined }),
    })
    const { id } = await engine.start(request)
    expect((await endOf(engine, id)).steps.map(({ state: one }) => one)).toEqual(['undone', 'not_undone'])
    expect(calls().at(-1)).toBe(`DELETE /reserve/${id}`)
    await engine.retry(id)
    await until('it was asked again', async () => (await engine.get(id))?.state === 'review')
    state = 'completed'
    await engine.retry(id)
    await until('it is refunded', async () => (await engine.get(id))?.state === 'compensated')
  })

  test('needs no undoing where it never came to be', async () => {
    const { engine, requests } = await scene({ flows: [flowConfig(steps, { deadlineMs: 50 })], operation: () => pending })
    const status = await endOf(engine, (await engine.start(request)).id)
    expect([status.state, ...status.steps.map(({ state }) => state)]).toEqual(['compensated', 'undone', 'failed'])
    expect(requests.every(({ operation }) => operation === 'create_payment')).toBe(true)
  })
})

test('what flows do is counted', async () => {
  const counted = metrics({ process: false })
  const flow = flowConfig([serviceStep('reserve', {}, { compensation: deleted('reserve') }), operationStep('pay')])
  const { engine } = await scene({ flows: [flow], operation: () => refused('no'), deps: { metrics: counted } })
  await endOf(engine, (await engine.start(request)).id)
  const lines = async (): Promise<string[]> => (await counted.text()).split('\n').filter((line) => line.startsWith('headgate_flow'))
  await until('it is counted', async () => (await lines()).length > 2)
  expect(await lines()).toEqual([
    'headgate_flows_ended_total{flow="order",state="compensated"} 1',
    'headgate_flow_calls_total{flow="order",outcome="done"} 2',
    'headgate_flow_calls_total{flow="order",outcome="failed"} 1',
  ])
})
