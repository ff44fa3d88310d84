import { gateway } from './start/gateway.ts'
import { freePort, startOn } from './start/ports.ts'
import type { Wanted } from './start/ports.ts'
import { onStopWish } from './start/stop-wish.ts'
import { linesToTry } from './start/try.ts'
import { services } from './services/catalogue.ts'
import type { RunningService, Service } from './services/catalogue.ts'
import { jsonServer } from './services/json-server.ts'
import { userService } from './services/user-service.ts'

// Two servers of one user service: what one of them has, the other one has too.
const users = userService()
const user: Service = (name, port, host) => jsonServer(name, users, port, host)

/**
 * `npm start`: the example services and providers, and the gateway on the rules of the design document in front of them.
 * Each port may be set by its environment variable; 0 picks a free one.
 */
const wanted: readonly Wanted[] = [
  { name: 'user-service', variable: 'USER_SERVICE_PORT', port: 9101, start: user },
  { name: 'user-service-2', variable: 'USER_SERVICE_2_PORT', port: 9103, start: user },
  ...[
    { name: 'order-service', variable: 'ORDER_SERVICE_PORT', port: 9102 },
    { name: 'payment-provider', variable: 'PAYMENT_PROVIDER_PORT', port: 9104 },
    { name: 'inventory-service', variable: 'INVENTORY_SERVICE_PORT', port: 9105 },
    { name: 'notification-service', variable: 'NOTIFICATION_SERVICE_PORT', port: 9106 },
    { name: 'analytics-service', variable: 'ANALYTICS_SERVICE_PORT', port: 9107 },
    { name: 'mail-provider', variable: 'MAIL_PROVIDER_PORT', port: 9108 },
    { name: 'mail-provider-2', variable: 'MAIL_PROVIDER_2_PORT', port: 9109 },
  ].flatMap((one) => {
    const start = services[one.name]
    return start === undefined ? [] : [{ ...one, start }]
  }),
]

const env: NodeJS.ProcessEnv = { ...process.env }
const say = (line: string): void => console.error(line)

const running: RunningService[] = []
for (const service of wanted) running.push(await startOn(service, env, say))
const port = await freePort('the gateway', 'HEADGATE_PORT', 8080, env, say)
const adminPort = await freePort('the admin listener', 'HEADGATE_ADMIN_PORT', 9900, env, say)

say('Example services')
for (const service of running) say(`  ${service.name.padEnd(20)} http://127.0.0.1:${service.port}`)
say('')

const run = gateway(['-c', 'examples/integration-design', '-c', 'examples/local'], env)
onStopWish({ stop: run.stop, kill: run.kill })

if (await run.ready(adminPort)) {
  say('')
  const of = (name: string): number => running.find((service) => service.name === name)?.port ?? 0
  const order = String(Date.now() % 1_000_000)
  for (const line of linesToTry({ gateway: port, admin: adminPort, of, order })) say(line)
}

process.exitCode = await run.exited
await Promise.all(running.map((service) => service.close()))
