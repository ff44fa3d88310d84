import { gateway } from './start/gateway.ts'
import { freePort, startOn } from './start/ports.ts'
import type { Wanted } from './start/ports.ts'
import { onStopWish } from './start/stop-wish.ts'
import { eventService } from './services/event-service.ts'
import type { JsonServer } from './services/json-server.ts'
import { orderService } from './services/order-service.ts'
import { paymentService } from './services/payment-service.ts'
import { userService } from './services/user-service.ts'

/**
 * `npm start`: the example services, and the gateway on the rules of the design document in front of them.
 * Each port may be set by its environment variable; 0 picks a free one.
 */
const wanted: readonly Wanted[] = [
  { name: 'user-service', variable: 'USER_SERVICE_PORT', port: 9101, api: userService() },
  { name: 'order-service', variable: 'ORDER_SERVICE_PORT', port: 9102, api: orderService() },
  { name: 'user-service-2', variable: 'USER_SERVICE_2_PORT', port: 9103, api: userService() },
  { name: 'payment-service', variable: 'PAYMENT_SERVICE_PORT', port: 9104, api: paymentService() },
  { name: 'inventory-service', variable: 'INVENTORY_SERVICE_PORT', port: 9105, api: eventService() },
  { name: 'notification-service', variable: 'NOTIFICATION_SERVICE_PORT', port: 9106, api: eventService() },
  { name: 'analytics-service', variable: 'ANALYTICS_SERVICE_PORT', port: 9107, api: eventService() },
]

const env: NodeJS.ProcessEnv = { ...process.env }
const say = (line: string): void => console.error(line)

const services: JsonServer[] = []
for (const service of wanted) services.push(await startOn(service, env, say))
const port = await freePort('the gateway', 'HEADGATE_PORT', 8080, env, say)
const adminPort = await freePort('the admin listener', 'HEADGATE_ADMIN_PORT', 9900, env, say)

say('Example services')
for (const service of services) say(`  ${service.name.padEnd(20)} http://127.0.0.1:${service.port}`)
say('')

const portOf = (name: string): number | undefined => services.find((service) => service.name === name)?.port

const run = gateway(['-c', 'examples/integration-design', '-c', 'examples/local'], env)
onStopWish({ stop: run.stop, kill: run.kill })

if (await run.ready(adminPort)) {
  say('')
  say('Try')
  say(`  curl -i http://127.0.0.1:${port}/api/users/42`)
  say(`  curl -i http://127.0.0.1:${port}/api/orders -d '{"user":"42","product":"tea"}' -H 'content-type: application/json'`)
  say(`  curl -s http://127.0.0.1:${services[0]?.port}/chaos -d '{"mode":"fail"}'   # one of two user services now fails: try the first line again`)
  say('')
  say('Messages')
  say(
    `  curl -i http://127.0.0.1:${port}/api/payments -H 'idempotency-key: order-7' -H 'content-type: application/json' -d '{"order":"7","amount":"9.50"}'`,
  )
  say(`  curl -i http://127.0.0.1:${port}/-/messages/ID   # the Location of the answer before: how the payment goes`)
  say(
    `  curl -i http://127.0.0.1:${port}/events -H 'content-type: application/json' -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: order-service' -H 'ce-type: OrderCreated' -d '{"orderId":"7"}'`,
  )
  say(`  curl -s http://127.0.0.1:${portOf('inventory-service')}/events   # inventory, notification and analytics have it`)
  say('')
  say('Edit examples/integration-design or examples/local and save: the gateway takes it over at once. Ctrl-C stops everything.')
}

process.exitCode = await run.exited
await Promise.all(services.map((service) => service.close()))
