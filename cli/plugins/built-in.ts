import type { Adapter } from '../../gateway/plugin.ts'

type Load = () => Promise<{ readonly adapter: Adapter }>

/** The adapters that come with the gateway, by type; each is imported when a configuration names it. */
const loaders: ReadonlyMap<string, Load> = new Map<string, Load>([
  ['stripe', () => import('../../plugins/payments/stripe/stripe.ts')],
  ['paypal', () => import('../../plugins/payments/paypal/paypal.ts')],
  ['sendgrid', () => import('../../plugins/email/sendgrid/sendgrid.ts')],
  ['ses', () => import('../../plugins/email/ses/ses.ts')],
  ['smtp', () => import('../../plugins/email/smtp/smtp.ts')],
  ['oidc', () => import('../../plugins/auth/oidc/oidc.ts')],
  ['auth0', () => import('../../plugins/auth/auth0/auth0.ts')],
  ['okta', () => import('../../plugins/auth/okta/okta.ts')],
  ['http', () => import('../../plugins/generic/http/http.ts')],
])

export const builtInTypes: readonly string[] = [...loaders.keys()]

/** Those of `types` that are built in. */
export const builtInAdapters = async (types: Iterable<string>): Promise<readonly Adapter[]> => {
  const wanted = [...new Set(types)].flatMap((type) => loaders.get(type) ?? [])
  return (await Promise.all(wanted.map((load) => load()))).map(({ adapter }) => adapter)
}
