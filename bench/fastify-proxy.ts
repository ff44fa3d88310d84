/**
 * @fastify/http-proxy as its README shows it, logger off.
 * Usage: node bench/fastify-proxy.ts PORT UPSTREAM_URL
 */
import httpProxy from '@fastify/http-proxy'
import { fastify } from 'fastify'

const [port, upstream] = process.argv.slice(2)
if (port === undefined || upstream === undefined) throw new Error('usage: fastify-proxy.ts PORT UPSTREAM_URL')
const server = fastify({ logger: false })
await server.register(httpProxy, { upstream })
await server.listen({ port: Number(port), host: '127.0.0.1' })
