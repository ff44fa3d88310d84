import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { headgate } from '../test/support/headgate.ts'
import { until } from '../test/kit/until.ts'
import { curl, wordsOf } from '../test/kit/shell-line.ts'
import type { Answer } from '../test/kit/shell-line.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const ports = [
  'USER_SERVICE_PORT',
  'USER_SERVICE_2_PORT',
  'ORDER_SERVICE_PORT',
  'PAYMENT_PROVIDER_PORT',
  'MAIL_PROVIDER_PORT',
  'MAIL_PROVIDER_2_PORT',
  'INVENTORY_SERVICE_PORT',
  'NOTIFICATION_SERVICE_PORT',
  'ANALYTICS_SERVICE_PORT',
  'HEADGATE_PORT',
  'HEADGATE_ADMIN_PORT',
]

let started: ChildProcess
let data = ''
let output = ''
let gatewayUrl = ''

/** Resolves with what `pattern` captured, as soon as the output has it; rejects when the program ends before. */
const seen = (pattern: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    const look = (): void => {
      const match = pattern.exec(output)
      if (match !== null) resolve(match[1] ?? match[0])
    }
    started.stderr?.on('data', look)
    started.once('exit', () => {
      reject(new Error(`ended before it printed ${pattern}:\n${output}`))
    })
    look()
  })

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'headgate-start-'))
  // Port 0: free ports for all, whatever else runs on this machine.
  const env = { ...process.env, npm_lifecycle_event: undefined, HEADGATE_DATA: data, ...Object.fromEntries(ports.map((name) => [name, '0'])) }
  started = spawn(process.execPath, ['examples/start.ts'], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  started.stdout?.resume()
  started.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  gatewayUrl = await seen(/curl -i (http:\/\/127\.0\.0\.1:\d+)\/api\/users/)
  await seen(/Ctrl-C stops everything/)
})

afterAll(async () => {
  started.kill('SIGKILL')
  await rm(data, { recursive: true, force: true })
})

const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${gatewayUrl}${path}`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } })

/** What the example service of this name answers to GET. */
const shown = async (service: string, path: string): Promise<unknown> => {
  const url = await seen(new RegExp(`^ {2}${service} +(http://\\S+)$`, 'm'))
  return (await fetch(`${url}${path}`)).json()
}

interface Expected {
  readonly line: RegExp
  /** What the answer is like, or what the command writes. */
  readonly answer?: object
  readonly output?: RegExp
  check?(answer: Answer): void
}

const chaos = (mode: string): Expected => ({ line: new RegExp(`/chaos .*"${mode}"`), answer: { status: 200, body: { mode } } })
const isReplayed = ({ headers }: Answer): void => expect(headers.get('idempotent-replayed')).toBe('true')

/** All lines that are printed, in their order, and what becomes of them. */
const expected: readonly Expected[] = [
  { line: /users\/42$/, answer: { status: 200, body: { id: '42', email: 'douglas@example.com' } } },
  { line: /api\/orders/, answer: { status: 201, body: { product: 'tea', status: 'placed' } } },
  chaos('fail'),
  { line: /users\/42 /, answer: { status: 200, body: { id: '42' } } },
  chaos('ok'),

  chaos('fail'),
  { line: /api\/payments/, answer: { status: 202, body: { message: 'Processing payment...' } } },
  {
    line: /-\/messages/,
    answer: { status: 200, body: { message: 'Processing payment...' } },
    check: ({ body }) => expect(JSON.stringify(body)).toMatch(/"status":"(?:queued|processing)"/),
  },
  chaos('ok'),
  { line: /-\/messages/, answer: { status: 200, body: { status: 'completed', result: { body: { amount: 950, status: 'succeeded' } } } } },
  { line: /api\/payments/, answer: { status: 201, body: { amount: 950, status: 'succeeded' } }, check: isReplayed },
  { line: /api\/payments/, answer: { status: 422, body: { code: 'IDEMPOTENCY_CONFLICT' } } },
  { line: /\/payments/, answer: { status: 200, body: [{ status: 'succeeded', amount: 950, currency: 'eur' }] } },

  chaos('reset'),
  { line: /api\/emails/, answer: { status: 200 } },
  { line: /mails/, answer: { status: 200, body: [{ to: 'ada@example.com', subject: 'Hello', text: 'It works.' }] } },
  chaos('ok'),

  { line: /new@example/, answer: { status: 201 }, check: ({ body }) => expect(JSON.stringify(body)).toMatch(/^{"user":"flow_/) },
  {
    line: /new@blocked/,
    answer: { status: 422, body: { code: 'FLOW_COMPENSATED', failure: 'blocked_domain' } },
  },
  {
    line: /api\/users/,
    answer: { status: 200 },
    check: ({ body }) => {
      expect(JSON.stringify(body)).toContain('new@example.com')
      expect(JSON.stringify(body)).not.toContain('blocked.example')
    },
  },
  { line: /flows list/, output: /user_registration +compensated[^]*user_registration +completed/ },

  { line: /events/, answer: { status: 202 } },
  { line: /events/, answer: { status: 200 } },
]

describe('npm start', () => {
  test('prints lines to try that do what they say, each of them', async () => {
    const lines = output.split('\n').flatMap((line) => /^ {2}((?:curl|npx headgate) .*)$/.exec(line)?.[1] ?? [])
    expect(lines).toHaveLength(expected.length)
    let id = ''
    for (const [index, one] of expected.entries()) {
      const line = lines[index] ?? ''
      expect(line).toMatch(one.line)
      const words = await wordsOf(line.replace('/ID', `/${id}`))
      if (one.output !== undefined) {
        expect((await headgate(words.slice(2), { cwd: root })).out).toMatch(one.output)
        continue
      }
      const answer = await curl(words)
      expect(answer, line).toMatchObject(one.answer ?? {})
      // What the line says of itself.
      const said = /# (\d{3})\b/.exec(line)?.[1]
      if (said !== undefined) expect(String(answer.status), line).toBe(said)
      one.check?.(answer)
      id = answer.headers.get('location')?.replace(/^.*\//, '') ?? id
    }
    expect(output).toContain('"alert":"flow.user_registration/compensated"')
  }, 60_000)

  test('uses both user services', async () => {
    const names = new Set<string | null>()
    for (let call = 0; call < 8; call += 1) names.add((await fetch(`${gatewayUrl}/api/users`)).headers.get('x-served-by'))
    expect(names).toEqual(new Set(['user-service', 'user-service-2']))
  })

  test('tells a declined card from a provider that is away, and remembers it for the key', async () => {
    const pay = (): Promise<Response> =>
      post('/api/payments', { order: '9', amount: 950, card: 'pm_card_chargeDeclined' }, { 'idempotency-key': 'order-9' })
    const first = await pay()
    expect(first.status).toBe(422)
    expect(await first.json()).toMatchObject({ code: 'OPERATION_FAILED', failure: 'rejected', provider_code: 'card_declined' })
    const second = await pay()
    expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([422, 'true'])
  })

  test('refuses a payment without an idempotency key, and an order event that is not as declared', async () => {
    expect((await post('/api/payments', { order: '8', amount: 100 })).status).toBe(400)
    const event = { 'ce-specversion': '1.0', 'ce-id': '8', 'ce-source': 'order-service', 'ce-type': 'OrderCreated' }
    expect((await post('/events', { orderId: 8 }, event)).status).toBeGreaterThanOrEqual(400)
  })

  test('hands an order event to inventory, notification and analytics', async () => {
    const event = { 'ce-specversion': '1.0', 'ce-id': '77', 'ce-source': 'order-service', 'ce-type': 'OrderCreated' }
    expect((await post('/events', { orderId: '77' }, event)).status).toBe(202)
    for (const service of ['inventory-service', 'notification-service', 'analytics-service']) {
      await until(`${service} has it`, async () => JSON.stringify(await shown(service, '/events')).includes('"orderId":"77"'))
    }
  })

  test('sends a mail through the first provider while it is well, and takes audit entries through their queue', async () => {
    expect((await post('/api/emails', { to: 'grace@example.com', subject: 'Hello', text: 'Hi' })).status).toBe(200)
    expect(JSON.stringify(await shown('mail-provider', '/mails'))).toContain('grace@example.com')
    expect(JSON.stringify(await shown('mail-provider-2', '/mails'))).not.toContain('grace@example.com')
    expect((await post('/api/audit', { who: 'ada' })).status).toBe(202)
    await until('the entry is there', async () => JSON.stringify(await shown('analytics-service', '/messages')).includes('"who":"ada"'))
  })

  test('stops everything on SIGTERM, and ends with 0', async () => {
    const exited = once(started, 'exit')
    started.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    await expect(fetch(`${gatewayUrl}/api/users/42`)).rejects.toThrow('fetch failed')
  })
})
