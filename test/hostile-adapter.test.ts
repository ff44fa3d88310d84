import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from './kit/until.ts'
import { runGateway } from './support/headgate.ts'
import type { RunningGateway } from './support/headgate.ts'

/** Each operation harms in its own way, and `well` does not. */
const adapter = `
const operation = {
  summary: 'Harms.',
  input: { type: 'object' },
  output: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
  idempotency: 'none',
  duplicates: 'tolerable',
}
const behaviours = {
  well: async () => ({ id: 'well' }),
  forgets_a_promise: async () => (void Promise.reject(new Error('nobody awaits this')), { id: 'one' }),
  throws_in_a_timer: async () => (setTimeout(() => { throw new Error('nobody catches this') }), { id: 'two' }),
  throws_in_a_listener: ({ signal }) => new Promise(() => signal.addEventListener('abort', () => { throw new Error('thrown by a listener') })),
  throws_what_is_frozen: async () => { throw Object.freeze(new Error('frozen')) },
  throws_its_request: async () => { throw Object.assign(new Error('with its request'), { config: { headers: { authorization: 'hidden-token' } } }) },
  answers_in_a_circle: async () => { const answer = { id: 'three' }; answer.answer = answer; return answer },
  answers_big_integers: async () => ({ id: 'four', amount: 10n }),
}
export default {
  interface: 1, type: 'hostile', capability: 'harm', summary: 'Harms its own calls.', auth: ['none'], baseUrl: false,
  settings: { type: 'object', additionalProperties: false, properties: {} },
  operations: Object.fromEntries(Object.keys(behaviours).map((name) => [name, operation])),
  create: () => ({ operations: Object.fromEntries(Object.entries(behaviours).map(([name, run]) => [name, { run }])) }),
}
`

const operations = [
  'well',
  'forgets_a_promise',
  'throws_in_a_timer',
  'throws_in_a_listener',
  'throws_what_is_frozen',
  'throws_its_request',
  'answers_in_a_circle',
  'answers_big_integers',
]

let folder: string
let gateway: RunningGateway

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-hostile-'))
  await writeFile(join(folder, 'hostile.mjs'), adapter)
  const rules = operations.map((name) => `  - { path: /${name}, methods: [POST], integration: hostile.${name} }`)
  const integration = 'hostile: { plugin: hostile, timeout: 200ms, retry: { max_attempts: 1 } }'
  await writeFile(join(folder, 'gateway.yaml'), `plugins: [./hostile.mjs]\nintegrations:\n  ${integration}\nrouting_rules:\n${rules.join('\n')}\n`)
  gateway = await runGateway([], { cwd: folder })
})

afterAll(async () => {
  gateway.child.kill('SIGKILL')
  await gateway.ended
  await rm(folder, { recursive: true })
})

const call = async (operation: string): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(`${gateway.url}/${operation}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
  return { status: response.status, body: await response.json() }
}

test.each([
  ['forgets_a_promise', 200, 'nobody awaits this'],
  ['throws_in_a_timer', 200, 'nobody catches this'],
  ['throws_in_a_listener', 504, 'thrown by a listener'],
])('an error that escapes an adapter, which %s, is logged under its integration, and the gateway goes on', async (operation, status, text) => {
  const line = (): string | undefined =>
    gateway
      .err()
      .split('\n')
      .find((one) => one.includes(text) && one.includes('let an error escape'))
  // Of one adapter there is one line in a second.
  await until('there is a line', async () => {
    expect((await call(operation)).status).toBe(status)
    return line() !== undefined
  })
  expect(JSON.parse(line() ?? '')).toMatchObject({ level: 'error', integration: 'hostile' })
  expect(gateway.err()).not.toContain('"level":"fatal"')
  expect(await call('well')).toEqual({ status: 200, body: { id: 'well' } })
})

test.each([['throws_what_is_frozen'], ['throws_its_request'], ['answers_in_a_circle'], ['answers_big_integers']])(
  'an adapter that %s fails its own call, as a call that may have been made',
  async (operation) => {
    expect(await call(operation)).toMatchObject({ status: 502, body: { code: 'OPERATION_FAILED' } })
    expect(await call('well')).toEqual({ status: 200, body: { id: 'well' } })
  },
)

test('the log says what an adapter threw, and not what hangs on it', async () => {
  await call('throws_its_request')
  await until('it is logged', () => gateway.err().includes('with its request'))
  expect(gateway.err()).not.toContain('hidden-token')
})

test('the status shows the integration with its operations', async () => {
  const status = (await (await fetch(`${gateway.adminUrl}/status`)).json()) as object
  expect(status).toMatchObject({
    integrations: [{ name: 'hostile', plugin: 'hostile', capability: 'harm', operations }],
    secrets: [],
  })
})
