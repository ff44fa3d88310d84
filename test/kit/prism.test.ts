import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prismSource, startPrism } from './prism.ts'
import type { PrismServer } from './prism.ts'
import { missing, skips } from './servers.ts'
import { paypalSpecification, sendgridSpecification } from './specifications.ts'

const orders = (): Promise<string> => paypalSpecification('checkout_orders_v2')
const payments = (): Promise<string> => paypalSpecification('payments_payment_v2')
const source = await prismSource(orders, sendgridSpecification)

const post = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })

const credentials = { authorization: 'Bearer any' }
const order = { intent: 'CAPTURE', purchase_units: [{ amount: { currency_code: 'USD', value: '10.00' } }] }

describe.skipIf(skips(source))(`prism over PayPal's specifications${missing(source)}`, () => {
  let server: PrismServer
  beforeAll(async () => {
    const specifications = [{ file: await orders() }, { file: await payments() }]
    const token = JSON.stringify({ access_token: 'any', expires_in: 60 })
    server = await startPrism({
      specifications,
      answer: ({ path }) => (path === '/v1/oauth2/token' ? { status: 200, body: token } : undefined),
      prefer: ({ path }) => (path === '/v2/checkout/orders' ? { code: 201 } : undefined),
    })
  })
  afterAll(() => server.stop())

  test('answers right requests of both with the examples, and finds nothing wrong', async () => {
    const before = server.violations().length
    const created = await post(`${server.url}/v2/checkout/orders`, order, { ...credentials, 'paypal-request-id': 'intent-1' })
    expect(created.status).toBe(201)
    expect(await created.json()).toHaveProperty('purchase_units')
    const refunded = await post(
      `${server.url}/v2/payments/captures/2GG279541U471931P/refund`,
      {},
      { ...credentials, 'paypal-request-id': 'intent-2' },
    )
    expect(refunded.status).toBeLessThan(300)
    expect(server.violations().slice(before)).toEqual([])
    expect(server.requests().at(-1)).toMatchObject({ request: 'POST /v2/payments/captures/2GG279541U471931P/refund', body: '{}' })
  })

  test.each([
    [
      'a value that is not allowed',
      '/v2/checkout/orders',
      { ...order, intent: 'STEAL' },
      { ...credentials, 'paypal-request-id': 'x' },
      'body.intent',
    ],
    ['a missing header', '/v2/checkout/orders', order, credentials, 'header'],
    ['a path that there is not', '/v2/checkout/nothing', order, credentials, 'path'],
  ])('counts %s', async (_what, path, body, headers, location) => {
    const before = server.violations().length
    expect((await post(server.url + path, body, headers)).status).toBeGreaterThanOrEqual(400)
    expect(server.violations().slice(before)).toEqual([{ request: `POST ${path}`, location, message: expect.any(String) as unknown }])
  })

  test('counts an amount that is not one, in the specification that has the path', async () => {
    const before = server.violations().length
    const headers = { ...credentials, 'paypal-request-id': 'intent-3' }
    await post(`${server.url}/v2/payments/captures/2GG279541U471931P/refund`, { amount: { currency_code: 'USD' } }, headers)
    expect(server.violations().slice(before)).toMatchObject([{ location: 'body.amount' }])
  })

  test('gives the answer of the test where no specification has one', async () => {
    expect(await (await post(`${server.url}/v1/oauth2/token`, {})).json()).toEqual({ access_token: 'any', expires_in: 60 })
  })
})

describe.skipIf(skips(source))(`prism over SendGrid's specification${missing(source)}`, () => {
  let server: PrismServer
  beforeAll(async () => {
    server = await startPrism({ specifications: [{ file: await sendgridSpecification(), basePath: '/v3' }] })
  })
  afterAll(() => server.stop())

  const mail = {
    personalizations: [{ to: [{ email: 'a@example.com' }] }],
    from: { email: 'b@example.com' },
    subject: 'Hello',
    content: [{ type: 'text/plain', value: 'Hello' }],
  }

  test('takes a mail under /v3, and counts one without an address', async () => {
    expect((await post(`${server.url}/v3/mail/send`, mail, credentials)).status).toBe(202)
    expect(server.violations()).toEqual([])
    await post(`${server.url}/v3/mail/send`, { ...mail, from: {} }, credentials)
    expect(server.violations().map(({ location }) => location)).toEqual(['body.from'])
  })
})

describe.skipIf(skips(source))(`prism over a specification that is wrong itself${missing(source)}`, () => {
  test('finds fault with every request whose schema cannot be compiled, instead of letting all pass', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'headgate-specification-'))
    const file = join(folder, 'wrong.json')
    const content = { 'application/json': { schema: { type: 'string', minLength: -1 } } }
    const responses = { 204: { description: 'Taken' } }
    const info = { title: 'Wrong', version: '1' }
    await writeFile(file, JSON.stringify({ openapi: '3.0.3', info, paths: { '/things': { post: { requestBody: { content }, responses } } } }))
    const server = await startPrism({ specifications: [{ file }] })
    try {
      await post(`${server.url}/things`, 'text')
      expect(server.violations()).toMatchObject([{ location: 'body', message: expect.stringContaining('cannot be compiled') as unknown }])
    } finally {
      await server.stop()
      await rm(folder, { recursive: true })
    }
  })
})
