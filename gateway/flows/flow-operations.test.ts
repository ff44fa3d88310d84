import type { ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import type { FlowStepConfig } from '../../config/model.ts'
import { startUpstream } from '../../test/kit/upstream.ts'
import type { SeenRequest, TestUpstream } from '../../test/kit/upstream.ts'
import { until } from '../../test/kit/until.ts'
import { memoryStore } from '../integrations/test/memory-store.ts'
import { integrationOf, scene as engineScene, statusMode } from '../integrations/test/scene.ts'
import type { Scene as Engine } from '../integrations/test/scene.ts'
import { endOf, flowConfig, flowScene, operationStep } from './test/flow-scene.ts'
import type { Scene } from './test/flow-scene.ts'

/** Whether the provider answers questions. */
const away = { now: false }

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

/** Pays once for each key; `answer` decides what a request gets, and whether it pays. */
const provider = async (
  answer: (count: number, res: ServerResponse) => 'paid' | 'not paid',
): Promise<{ readonly upstream: TestUpstream; readonly paid: Map<string, number> }> => {
  const paid = new Map<string, number>()
  let count = 0
  const upstream = await startUpstream((_req, res, { method, headers, body }: SeenRequest) => {
    const key = String(headers['idempotency-key'])
    if (method === 'GET') {
      res.statusCode = away.now ? 503 : paid.has(key) ? 200 : 404
      res.end(JSON.stringify({ id: key }))
      return
    }
    count += 1
    if (answer(count, res) === 'paid') paid.set(key, (JSON.parse(body) as { readonly amount: number }).amount)
    if (!res.writableEnded && !res.destroyed) res.end(JSON.stringify({ id: key }))
  })
  open.push(upstream)
  return { upstream, paid }
}

const payment = (operation: string): FlowStepConfig['call'] => ({
  type: 'operation',
  integration: 'payment',
  operation,
  input: { amount: '{{ input.amount }}' },
})

/** Flows over the engine of operations itself, with a provider over HTTP. */
const scene = async (
  url: string,
  operation: string,
  deadlineMs: number,
  modes: Parameters<typeof integrationOf>[1] = {},
): Promise<Scene & { readonly payments: Engine }> => {
  const store = memoryStore(Date.now)
  const payments = await engineScene({ store, integrations: [integrationOf(url, modes)] })
  open.push(payments)
  const pay = { ...operationStep('pay', { compensation: { type: 'undo', operation: 'send_with_key' } }), call: payment(operation) }
  const ship = { ...operationStep('ship'), call: payment('broken') }
  const one = flowScene({
    flows: [flowConfig([pay], { name: 'alone' }), flowConfig([pay, ship], { deadlineMs })],
    store,
    deps: { operations: payments.operations, undoInput: () => ({ amount: -100 }) },
  })
  open.push(one)
  return { ...one, payments }
}

const request = { flow: 'order', input: { amount: 100 }, key: 'k', scope: 'test' }

test('a flow waits where a failure mode of the operation would queue it', async () => {
  const { upstream, paid } = await provider((count, res) => {
    if (count > 2) return 'paid'
    res.statusCode = 503
    return 'not paid'
  })
  const { engine, payments } = await scene(upstream.url, 'pay', 60_000, { modes: [statusMode(503, 'queue')] })
  const status = await endOf(engine, (await engine.start({ ...request, flow: 'alone' })).id)
  expect([status.state, paid.size, payments.messages.length]).toEqual(['completed', 1, 0])
  expect(status.output).toEqual({ pay: { id: [...paid.keys()][0] } })
})

test('an operation that is done is undone by another one when a later step fails', async () => {
  const { upstream, paid } = await provider(() => 'paid')
  const { engine } = await scene(upstream.url, 'pay', 300)
  const status = await endOf(engine, (await engine.start(request)).id)
  expect(status.steps[0]?.state).toBe('undone')
  expect([...paid.values()]).toEqual([100, -100])
})

test('a payment whose answer is lost until the deadline is found by the engine, then undone', async () => {
  const { upstream, paid } = await provider((count, res) => {
    if (count === 1) res.destroy()
    else if (away.now) res.statusCode = 503
    return count === 1 || !away.now ? 'paid' : 'not paid'
  })
  const { engine, payments } = await scene(upstream.url, 'pay_and_ask', 3000)
  away.now = true
  const { id } = await engine.start(request)
  await until('it has given up', async () => (await engine.get(id))?.state === 'compensating')
  away.now = false
  await until('it is undone', async () => (await engine.get(id))?.steps[0]?.state === 'undone')
  expect([...paid.values()]).toEqual([100, -100])
  expect((await payments.intents.list({ limit: 10 })).intents.map(({ state }) => state)).toEqual(['completed', 'completed'])
}, 30_000)

test('a payment that never reached the provider needs no undoing', async () => {
  const { upstream, paid } = await provider((_count, res) => {
    res.statusCode = 503
    return 'not paid'
  })
  const { engine } = await scene(upstream.url, 'pay', 100, { modes: [statusMode(503, 'queue')] })
  const status = await endOf(engine, (await engine.start(request)).id)
  expect([status.state, status.steps[0]?.state, status.steps[0]?.failure?.kind]).toEqual(['compensated', 'failed', 'timeout'])
  expect(paid.size).toBe(0)
})
