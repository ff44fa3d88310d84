import { gateway } from './start/gateway.ts'
import { freePort, startOn } from './start/ports.ts'
import type { Wanted } from './start/ports.ts'
import { onStopWish } from './start/stop-wish.ts'
import { orderService } from './services/order-service.ts'
import { userService } from './services/user-service.ts'

/**
 * `npm start`: the example services, and the gateway on the rules of the design document in front of them.
 * Each port may be set by its environment variable; 0 picks a free one.
 */
const wanted: readonly Wanted[] = [
  { name: 'user-service', variable: 'USER_SERVICE_PORT', port: 9101, api: userService() },
  { name: 'order-service', variable: 'ORDER_SERVICE_PORT', port: 9102, api: orderService() },
  { name: 'user-service-2', variable: 'USER_SERVICE_2_PORT', port: 9103, api: userService() },
]

const env: NodeJS.ProcessEnv = { ...process.env }
const say = (line: string): void => console.error(line)

const services = []
for (const service of wanted) services.push(await startOn(service, env, say))
const port = await freePort('the gateway', 'HEADGATE_PORT', 8080, env, say)
const adminPort = await freePort('the admin listener', 'HEADGATE_ADMIN_PORT', 9900, env, say)

say('Example services')
for (const service of services) say(`  ${service.name.padEnd(16)} http://127.0.0.1:${service.port}`)
say('')

const run = gateway(['-c', 'examples/integration-design', '-c', 'examples/local'], env)
onStopWish({ stop: run.stop, kill: run.kill })

if (await run.ready(adminPort)) {
  say('')
  say('Try')
  say(`  curl -i http://127.0.0.1:${port}/api/users/42`)
  say(`  curl -i http://127.0.0.1:${port}/api/orders -d '{"user":"42","product":"tea"}' -H 'content-type: application/json'`)
  say(`  curl -s http://127.0.0.1:${services[0]?.port}/chaos -d '{"mode":"fail"}'   # one of two user services now fails: try the first line again`)
  say('')
  say('Edit examples/integration-design or examples/local and save: the gateway takes it over at once. Ctrl-C stops everything.')
}

process.exitCode = await run.exited
await Promise.all(services.map((service) => service.close()))
