import { services } from './catalogue.ts'

/** One example service in a process of its own: `node examples/services/main.ts user-service 9101 [HOST]`. */
const [name = '', port = '', host] = process.argv.slice(2)
const service = services[name]
if (service === undefined || !/^\d{1,5}$/.test(port)) {
  console.error(`usage: node examples/services/main.ts ${Object.keys(services).join('|')} PORT [HOST]`)
  process.exit(2)
}
const server = await service(name, Number(port), host)
console.log(`${server.name} on port ${server.port}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close())
