import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminServer } from '../gateway/admin/server.ts'
import type { AdminServer } from '../gateway/admin/server.ts'
import { deleted, endOf, flowConfig, flowScene, operationStep, refused, serviceStep } from '../gateway/flows/test/flow-scene.ts'
import type { Scene } from '../gateway/flows/test/flow-scene.ts'
import type { IntentDesk } from '../gateway/integrations/intent-desk.ts'
import type { IntentStatus } from '../gateway/integrations/operation.ts'
import { ask } from './kit/ask.ts'
import { until } from './kit/until.ts'
import { startUpstream } from './kit/upstream.ts'
import type { TestUpstream } from './kit/upstream.ts'
import { headgate } from './support/headgate.ts'
import type { Outcome } from './support/headgate.ts'

let shop: TestUpstream
let scene: Scene
let server: AdminServer
let works = false

const intent: IntentStatus = {
  id: 'int_1',
  integration: 'payment',
  operation: 'create_payment',
  state: 'review',
  createdAtMs: Date.parse('2026-11-22T12:00:00Z'),
  updatedAtMs: Date.parse('2026-11-22T12:00:05Z'),
  attempts: 3,
  failure: { kind: 'timeout', executed: 'unknown', message: 'no answer' },
  mode: undefined,
  tell: undefined,
  output: undefined,
}
const settled: [string, string][] = []
const errors: unknown[] = []
const intents: IntentDesk = {
  list: ({ state }) => Promise.resolve({ intents: state === undefined || state === intent.state ? [intent] : [], cursor: undefined }),
  show: (id) => Promise.resolve(['int_1', 'int_done'].includes(id) ? { ...intent, id, state: id === 'int_1' ? 'review' : 'completed' } : undefined),
  settle: (id, decision) => {
    if (id !== 'int_1') return Promise.resolve(undefined)
    settled.push([id, decision])
    return Promise.resolve({ ...intent, state: decision === 'retry' ? 'verifying' : decision })
  },
}

const step = serviceStep('reserve', {}, { compensation: deleted('reserve') })

beforeAll(async () => {
  const answer = (res: ServerResponse, status: number): void => {
    res.statusCode = status
    res.end('{"id":"r1"}')
  }
  shop = await startUpstream(({ method }, res) => answer(res, method === 'DELETE' && !works ? 503 : 200))
  scene = flowScene({
    url: shop.url,
    flows: [flowConfig([step], { name: 'fine' }), flowConfig([step, operationStep('pay')], { name: 'stuck', deadlineMs: 50 })],
    operation: () => refused('no'),
  })
  server = await adminServer(
    { host: '127.0.0.1', port: 0 },
    {
      ready: () => ({ ready: true }),
      metrics: () => Promise.resolve(''),
      status: () => Promise.resolve({}),
      reload: () => Promise.resolve({ ok: true, generation: 1, hash: '', changed: false }),
      messaging: {
        queues: () => [],
        deadLetters: () => undefined,
        consumers: () => Promise.resolve([]),
        pause: () => Promise.resolve(false),
        resume: () => Promise.resolve(false),
      },
      flows: scene.engine,
      intents,
    },
    { onError: (error) => void errors.push(error) },
  )
})
afterAll(async () => {
  await server.close()
  await scene.close()
  await shop.close()
})

const run = (...args: string[]): Promise<Outcome> => headgate([...args, '--admin', `127.0.0.1:${server.address.port}`], { cwd: '/' })
const get = (path: string): ReturnType<typeof ask> => ask(`http://127.0.0.1:${server.address.port}${path}`)

describe('flows on the command line', () => {
  test('are listed, shown and told to go on', async () => {
    const fine = await endOf(scene.engine, (await scene.engine.start({ flow: 'fine', input: { order: 7 }, key: 'a', scope: 't' })).id)
    const stuck = await endOf(scene.engine, (await scene.engine.start({ flow: 'stuck', input: { order: 8, amount: 1 }, key: 'a', scope: 't' })).id)
    const all = await run('flows', 'list')
    expect(all).toMatchObject({ exitCode: 0, err: '' })
    expect(all.out).toMatch(new RegExp(`${fine.id} +fine +completed`))
    expect(all.out).toMatch(new RegExp(`${stuck.id} +stuck +review +reserve not_undone \\(service_down\\)`))

    const one = await run('flows', 'list', 'stuck', '--state', 'review', '--format', 'json')
    expect(
      one.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([{ id: stuck.id, state: 'review' }])
    expect(one.out).not.toContain('amount')
    expect(await run('flows', 'list', 'fine', '--state', 'review')).toMatchObject({ exitCode: 1, err: 'No flow matches.\n' })

    const shown = await run('flows', 'show', stuck.id)
    expect(shown.out).toMatch(/reserve +not_undone +\d+ +service_down: The service answered with status 503\./)
    expect(shown.out).toContain('input\n{\n  "order": 8,\n  "amount": 1\n}\n')
    expect(JSON.parse((await run('flows', 'show', stuck.id, '--format', 'json')).out)).toMatchObject({
      input: { order: 8 },
      steps: [{ output: { id: 'r1' } }, {}],
    })

    works = true
    expect((await run('flows', 'retry', stuck.id)).exitCode).toBe(0)
    await until('it is undone', async () => (await scene.engine.get(stuck.id))?.state === 'compensated')
    expect(await run('flows', 'retry', stuck.id)).toMatchObject({ exitCode: 1, err: 'The flow has ended: it is compensated.\n' })
    expect(await run('flows', 'show', 'flow_unknown')).toMatchObject({ exitCode: 1, out: '' })
  }, 60_000)

  test('need a gateway that runs', async () => {
    const none = await headgate(['flows', 'list', '--admin', '127.0.0.1:1'], { cwd: '/' })
    expect(none).toMatchObject({ exitCode: 2, out: '' })
    expect(none.err).toContain('No gateway answers at http://127.0.0.1:1')
    expect(await headgate(['flows', 'list', '--admin', 'nonsense'], { cwd: '/' })).toMatchObject({ exitCode: 2 })
    expect(await headgate(['flows', 'list'], { cwd: '/' })).toMatchObject({ exitCode: 2 })
  }, 60_000)
})

describe('intents on the command line', () => {
  test('are listed, shown and settled', async () => {
    expect((await run('intents', 'list')).out).toMatch(/int_1 +payment\.create_payment +review +3 +timeout/)
    expect(await run('intents', 'list', '--state', 'failed')).toMatchObject({ exitCode: 1, err: 'No intent matches.\n' })
    expect((await run('intents', 'show', 'int_1')).out).toMatch(/failure +timeout: no answer\n/)
    expect(await run('intents', 'settle', 'int_1', '--as', 'completed')).toMatchObject({ exitCode: 0, out: 'Intent int_1 is completed now.\n' })
    expect(settled).toEqual([['int_1', 'completed']])
    expect(await run('intents', 'settle', 'int_done', '--as', 'retry')).toMatchObject({
      exitCode: 1,
      err: 'The intent is not under review: it is completed.\n',
    })
    expect(await run('intents', 'settle', 'int_none', '--as', 'retry')).toMatchObject({ exitCode: 1 })
    expect(await run('intents', 'settle', 'int_1')).toMatchObject({ exitCode: 2 })
  }, 60_000)
})

test('a list refuses what it does not know', async () => {
  const problems = ['/-/flows?stat=review', '/-/flows?state=reviewed', '/-/flows?limit=0', '/-/intents?operation=']
  const answers = await Promise.all(problems.map(async (path) => JSON.parse((await get(path)).body) as { status: number; detail: string }))
  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400])
  expect(answers[0]?.detail).toContain('Did you mean `state`?')
  expect(answers[1]?.detail).toContain('Did you mean `review`?')
})

test('the admin listener failed at nothing', () => {
  expect(errors).toEqual([])
})
