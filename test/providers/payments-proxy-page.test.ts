import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { adapterUnderTest } from '../kit/adapter.ts'
import { adapter as paypal } from '../../plugins/payments/paypal/paypal.ts'
import { adapter as stripe } from '../../plugins/payments/stripe/stripe.ts'

let server: Server
afterEach(() => server.close())

const pages: readonly (readonly [string, string])[] = [
  ['text/html', '<html><body>Not here</body></html>'],
  ['application/json', '{"message":"no Route matched with those values"}'],
]

test.for(
  [400, 404, 405, 407, 413, 431].flatMap((status) =>
    [stripe, paypal].flatMap((adapter) => pages.map((page) => [adapter.type, status, ...page] as const)),
  ),
)('%s: %i as %s of a proxy is no word of the provider, which may have made the payment before', async ([name, status, type, body]) => {
  server = createServer((req, res) => {
    if (req.url === '/v1/oauth2/token') res.end('{"access_token":"t","token_type":"bearer","expires_in":3600}')
    else res.writeHead(status, { 'content-type': type }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const auth = name === 'stripe' ? ({ type: 'bearer', token: 'k' } as const) : ({ type: 'oauth2', client_id: 'a', client_secret: 'b' } as const)
  const one = await adapterUnderTest(name === 'stripe' ? stripe : paypal, { baseUrl, auth })
  const made = one.call('create_payment', { amount: 1050, currency: 'eur', payment_method: 'x' }, { key: 'hg_1' })
  await expect(made).rejects.toMatchObject({ name: 'ProviderFailure', kind: 'invalid_response', executed: 'no', status })
  await one.close()
})
