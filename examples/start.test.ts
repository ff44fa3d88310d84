import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const ports = ['USER_SERVICE_PORT', 'USER_SERVICE_2_PORT', 'ORDER_SERVICE_PORT', 'HEADGATE_PORT', 'HEADGATE_ADMIN_PORT']

let started: ChildProcess
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
  // Port 0: free ports for all, whatever else runs on this machine.
  const env = { ...process.env, npm_lifecycle_event: undefined, ...Object.fromEntries(ports.map((name) => [name, '0'])) }
  started = spawn(process.execPath, ['examples/start.ts'], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  started.stdout?.resume()
  started.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  gatewayUrl = await seen(/curl -i (http:\/\/127\.0\.0\.1:\d+)\/api\/users/)
  await seen(/Ctrl-C stops everything/)
})

afterAll(() => {
  started.kill('SIGKILL')
})

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

  test('stops everything on SIGTERM, and ends with 0', async () => {
    const exited = once(started, 'exit')
    started.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    await expect(fetch(`${gatewayUrl}/api/users/42`)).rejects.toThrow('fetch failed')
  })
})
