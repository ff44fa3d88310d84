export interface Ports {
  readonly gateway: number
  readonly admin: number
  of(service: string): number
  /** Number of an order that has not been paid for before: keys are remembered over restarts. */
  readonly order: string
}

const json = "-H 'content-type: application/json'"
const chapter = (title: string, ...lines: readonly string[]): readonly string[] => [title, ...lines.map((line) => `  ${line}`), '']

/** What `npm start` prints for trying out: lines for a shell, in an order that makes sense. `ID` is that of the answer before. */
export const linesToTry = ({ gateway, admin, of, order }: Ports): readonly string[] => {
  const at = (path: string): string => `http://127.0.0.1:${gateway}${path}`
  const service = (name: string, path: string): string => `http://127.0.0.1:${of(name)}${path}`
  const mode = (name: string, wanted: string): string => `curl -s ${service(name, '/chaos')} -d '{"mode":"${wanted}"}'`
  const pay = (amount: number): string =>
    `curl -i ${at('/api/payments')} -H 'idempotency-key: order-${order}' ${json} -d '{"order":"${order}","amount":${amount}}'`
  const event = "-H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: order-service' -H 'ce-type: OrderCreated'"
  const mail = `curl -i ${at('/api/emails')} ${json} -d '{"to":"ada@example.com","subject":"Hello","text":"It works."}'`
  const register = (email: string): string => `curl -i ${at('/api/registrations')} ${json} -d '{"email":"${email}"}'`
  return [
    ...chapter(
      'Requests',
      `curl -i ${at('/api/users/42')}`,
      `curl -i ${at('/api/orders')} ${json} -d '{"user":"42","product":"tea"}'`,
      `${mode('user-service', 'fail')}   # one of two user services now fails`,
      `curl -i ${at('/api/users/42')}   # nobody notices`,
      mode('user-service', 'ok'),
    ),
    ...chapter(
      'Payments',
      `${mode('payment-provider', 'fail')}   # the payment provider answers 503 from now on`,
      `${pay(950)}   # 202 "Processing payment..."`,
      `curl -s ${at('/-/messages/ID')}   # not done yet; ID is in the answer before`,
      `${mode('payment-provider', 'ok')}   # it is back`,
      `curl -s ${at('/-/messages/ID')} -H 'prefer: wait=30'   # completed, by itself`,
      `${pay(950)}   # 201: asked again, answered from the record`,
      `${pay(8000)}   # 422: the same key for something else`,
      `curl -s ${service('payment-provider', '/payments')}   # charged once`,
    ),
    ...chapter(
      'Mails',
      `${mode('mail-provider', 'reset')}   # the first provider of mails breaks every connection`,
      `${mail}   # 200: the second one sends it`,
      `curl -s ${service('mail-provider-2', '/mails')}`,
      mode('mail-provider', 'ok'),
    ),
    ...chapter(
      'Flows: a user and a mail, both or none',
      `${register('new@example.com')}   # 201`,
      `${register('new@blocked.example')}   # 422: nobody there gets mails, so the user is gone again; an alert is in the log`,
      `curl -s ${at('/api/users')}   # only the first one`,
      `npx headgate flows list --admin 127.0.0.1:${admin}`,
    ),
    ...chapter(
      'Events',
      `curl -i ${at('/events')} ${json} ${event} -d '{"orderId":"7"}'`,
      `curl -s ${service('inventory-service', '/events')}   # inventory, notification and analytics have it`,
    ),
    'Edit examples/integration-design or examples/local and save: the gateway takes it over at once. Ctrl-C stops everything.',
  ]
}
