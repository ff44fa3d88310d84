import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { RunningService, Service } from '../services/catalogue.ts'

/** A service and the port it would like; `variable` tells the local configuration layer the port it got. */
export interface Wanted {
  readonly name: string
  readonly variable: string
  readonly port: number
  readonly start: Service
}

type Env = Record<string, string | undefined>
type Say = (line: string) => void

const isTaken = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'

const wish = (env: Env, variable: string, usual: number): number => {
  const text = env[variable] ?? String(usual)
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new Error(`${variable} is not a port: ${text}. Write a number from 0 to 65535, 0 for a free one.`)
}

/** Starts a service on its port, or on a free one when that is taken, and notes the port in `env`. */
export const startOn = async (wanted: Wanted, env: Env, say: Say): Promise<RunningService> => {
  const port = wish(env, wanted.variable, wanted.port)
  const server = await wanted.start(wanted.name, port).catch(async (error: unknown) => {
    if (!isTaken(error)) throw error
    say(`Port ${port} is taken: ${wanted.name} uses another one.`)
    return wanted.start(wanted.name, 0)
  })
  env[wanted.variable] = String(server.port)
  return server
}

const probe = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const bound = (server.address() as AddressInfo).port
      server.close(() => {
        resolve(bound)
      })
    })
  })

/** A port for something another process will open: the usual one, or a free one when that is taken. Notes it in `env`. */
export const freePort = async (name: string, variable: string, usual: number, env: Env, say: Say): Promise<number> => {
  const port = wish(env, variable, usual)
  const free = await probe(port).catch(async (error: unknown) => {
    if (!isTaken(error)) throw error
    say(`Port ${port} is taken: ${name} uses another one.`)
    return probe(0)
  })
  env[variable] = String(free)
  return free
}
