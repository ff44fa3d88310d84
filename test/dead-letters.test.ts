import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask } from './kit/ask.ts'
import { until } from './kit/until.ts'
import { startUpstream } from './kit/upstream.ts'
import type { TestUpstream } from './kit/upstream.ts'
import { headgate, runGateway } from './support/headgate.ts'
import type { RunningGateway } from './support/headgate.ts'

let folder: string
let payments: TestUpstream
let gateway: RunningGateway
/** What the service answers, by the body that it gets. */
let statusFor: (body: string) => number

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-dead-letters-'))
  payments = await startUpstream((_, response, { body }) => {
    response.statusCode = statusFor(body)
    response.end()
  })
  await writeFile(
    join(folder, 'gateway.yaml'),
    `brokers: { default: { type: embedded } }
queues: { payment.process: { type: direct, dead_letter: true } }
services: { payments: { urls: ["${payments.url}"] } }
routing_rules: [{ path: /payments, queue: payment.process }]
consumers:
  payment_processor:
    queue: payment.process
    retry: { max_attempts: 1, dead_letter_after: 1 }
    deliver_to: { service: payments, path: /pay }
`,
  )
  gateway = await runGateway(['--workers', '2'], { cwd: folder })
})
afterAll(async () => {
  await gateway.stop()
  await payments.close()
  await rm(folder, { recursive: true })
})

const pay = async (body: string, key: string): Promise<string> => {
  const { status, headers } = await ask(`${gateway.url}/payments`, { method: 'POST', body, headers: { 'idempotency-key': key } })
  expect(status).toBe(202)
  return headers.location ?? ''
}
const stateOf = async (location: string): Promise<unknown> =>
  (JSON.parse((await ask(new URL(location, gateway.url).href)).body) as { readonly status: unknown }).status
const admin = async (path: string, body?: object): Promise<unknown> => {
  const options = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  return JSON.parse((await ask(`${gateway.adminUrl}${path}`, options)).body)
}
const seenFor = (body: string): readonly unknown[] => payments.seen.filter((one) => one.body === body).map((one) => one.headers['idempotency-key'])
const consumerState = async (): Promise<unknown> =>
  ((await admin('/-/consumers')) as { readonly consumers: readonly { readonly state: unknown }[] }).consumers[0]?.state

describe('a message that its service refuses', () => {
  test('is parked with its reason, replayed by the command line of a running gateway, and then handled under the same key', async () => {
    statusFor = () => 422
    const location = await pay('first', 'key-1')
    await until('the message is parked', async () => (await stateOf(location)) === 'dead_lettered')
    expect(await admin('/-/dead-letters')).toMatchObject({ queues: [{ queue: 'payment.process', count: 1, reasons: { rejected: 1 } }] })
    expect((await headgate(['dlq', 'list'], { cwd: folder })).out).toMatch(/payment\.process +1 .*rejected 1\n/)

    statusFor = () => 200
    expect(await headgate(['dlq', 'replay', 'payment.process', '--error', 'status_422'], { cwd: folder })).toMatchObject({
      exitCode: 0,
      out: 'Replayed 1 dead letter of payment.process.\n',
    })
    await until('the message is handled', async () => (await stateOf(location)) === 'completed')
    expect(seenFor('first')).toEqual(['key-1', 'key-1'])
    expect(await headgate(['dlq', 'list', 'payment.process'], { cwd: folder })).toMatchObject({ exitCode: 1 })
  })

  test('is shown, replayed and dropped over the admin listener', async () => {
    statusFor = () => 400
    const [kept, dropped] = [await pay('second', 'key-2'), await pay('third', 'key-3')]
    await until('both are parked', async () => (await stateOf(kept)) === 'dead_lettered' && (await stateOf(dropped)) === 'dead_lettered')
    const { deadLetters } = (await admin('/-/dead-letters/payment.process')) as { readonly deadLetters: readonly { readonly id: string }[] }
    const bodies = await Promise.all(
      deadLetters.map(async ({ id }) => ((await admin(`/-/dead-letters/payment.process/${id}`)) as { readonly body: string }).body),
    )
    expect(bodies.map((body) => Buffer.from(body, 'base64').toString()).toSorted()).toEqual(['second', 'third'])

    statusFor = () => 200
    const second = deadLetters[bodies.indexOf(Buffer.from('second').toString('base64'))]?.id
    expect(await admin('/-/dead-letters/payment.process/replay', { ids: [second] })).toEqual({ matched: 1, done: 1 })
    await until('the replayed one is handled', async () => (await stateOf(kept)) === 'completed')
    expect(await admin('/-/dead-letters/payment.process/drop', { all: true })).toEqual({ matched: 1, done: 1 })
    expect(await stateOf(dropped)).toBe('dead_lettered')
    expect(seenFor('third')).toHaveLength(1)
  })
})

test('a paused consumer takes nothing in any worker, and takes up again what waits', async () => {
  statusFor = () => 200
  expect(await admin('/-/consumers/payment_processor/pause', {})).toEqual({ consumer: 'payment_processor', paused: true })
  await until('the consumer is paused', async () => (await consumerState()) === 'paused')
  const waiting = await Promise.all(Array.from({ length: 20 }, (_, index) => pay(`waiting-${index}`, `waiting-${index}`)))
  expect(await Promise.all(waiting.map(stateOf))).toEqual(waiting.map(() => 'queued'))
  expect(payments.seen.some(({ body }) => body.startsWith('waiting-'))).toBe(false)
  expect(await admin('/-/consumers/payment_processor/resume', {})).toEqual({ consumer: 'payment_processor', paused: false })
  await until('all are handled', async () => (await Promise.all(waiting.map(stateOf))).every((state) => state === 'completed'))
})
