import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../test/kit/until.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const ports = [
  'USER_SERVICE_PORT',
  'USER_SERVICE_2_PORT',
  'ORDER_SERVICE_PORT',
  'PAYMENT_SERVICE_PORT',
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

describe('npm start', () => {
  test('serves the user service through the rules of the design document', async () => {
    const response = await fetch(`${gatewayUrl}/api/users/42`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ id: '42', email: 'douglas@example.com' })
  })

  test('takes an order through to the order service', async () => {
    const body = JSON.stringify({ user: '42', product: 'tea' })
    const response = await fetch(`${gatewayUrl}/api/orders`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    expect(response.status).toBe(201)
    expect(await response.json()).toMatchObject({ product: 'tea', status: 'placed' })
  })

  test('uses both user services', async () => {
    const names = new Set<string | null>()
    for (let call = 0; call < 8; call += 1) names.add((await fetch(`${gatewayUrl}/api/users`)).headers.get('x-served-by'))
    expect(names).toEqual(new Set(['user-service', 'user-service-2']))
  })

  test('retries away from a user service that fails', async () => {
    const service = await seen(/^ {2}user-service +(http:\/\/\S+)$/m)
    const chaos = (mode: string): Promise<Response> => fetch(`${service}/chaos`, { method: 'POST', body: JSON.stringify({ mode }) })
    expect((await chaos('fail')).status).toBe(200)
    const statuses = []
    for (let call = 0; call < 6; call += 1) statuses.push((await fetch(`${gatewayUrl}/api/users/1`)).status)
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200])
    expect((await chaos('ok')).status).toBe(200)
  })

  test('takes a payment with 202, shows how it goes, and charges once although it is asked for twice', async () => {
    const pay = (): Promise<Response> => post('/api/payments', { order: '7', amount: '9.50' }, { 'idempotency-key': 'order-7' })
    const first = await pay()
    expect(first.status).toBe(202)
    const location = first.headers.get('location') ?? ''
    const status = await fetch(new URL(location, gatewayUrl), { headers: { prefer: 'wait=10' } })
    expect(await status.json()).toMatchObject({ status: 'completed' })
    expect((await pay()).headers.get('location')).toBe(location)
    expect(await shown('payment-service', '/payments')).toMatchObject([{ order: '7', amount: '9.50', status: 'charged' }])
  })

  test('refuses a payment without an idempotency key, and an order event that is not as declared', async () => {
    expect((await post('/api/payments', { order: '8', amount: '1.00' })).status).toBe(400)
    const event = { 'ce-specversion': '1.0', 'ce-id': '8', 'ce-source': 'order-service', 'ce-type': 'OrderCreated' }
    expect((await post('/events', { orderId: 8 }, event)).status).toBeGreaterThanOrEqual(400)
  })

  test('hands an order event to inventory, notification and analytics', async () => {
    const event = { 'ce-specversion': '1.0', 'ce-id': '7', 'ce-source': 'order-service', 'ce-type': 'OrderCreated' }
    expect((await post('/events', { orderId: '7' }, event)).status).toBe(202)
    for (const service of ['inventory-service', 'notification-service', 'analytics-service']) {
      await until(`${service} has it`, async () => JSON.stringify(await shown(service, '/events')).includes('"orderId":"7"'))
    }
  })

  test('takes mail and audit entries through their queues', async () => {
    expect((await post('/api/emails', { to: 'ada@example.com' })).status).toBe(202)
    expect((await post('/api/audit', { who: 'ada' })).status).toBe(202)
    await until('the mail is there', async () => JSON.stringify(await shown('notification-service', '/messages')).includes('ada@example.com'))
    await until('the entry is there', async () => JSON.stringify(await shown('analytics-service', '/messages')).includes('"who":"ada"'))
  })

  test('stops everything on SIGTERM, and ends with 0', async () => {
    const exited = once(started, 'exit')
    started.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    await expect(fetch(`${gatewayUrl}/api/users/42`)).rejects.toThrow('fetch failed')
  })
})
