import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { FaultRates } from '../../../examples/services/provider-faults.ts'

const program = fileURLToPath(new URL('../../kit/stand-ins/stripe-process.ts', import.meta.url))

/** The payment provider, in its own process: what it did is not forgotten when the gateway dies. */
export interface Provider {
  readonly url: string
  /** How often each reference was charged. */
  charges(): Promise<ReadonlyMap<string, number>>
  /** Requests by what happened to them. */
  requests(): Promise<Readonly<Record<string, number>>>
  faults(rates: FaultRates): Promise<void>
  stop(): Promise<void>
}

export async function startProvider(seed: number, faults: FaultRates): Promise<Provider> {
  const child = spawn(process.execPath, [program, JSON.stringify({ port: 0, seed, faults })], { stdio: ['ignore', 'pipe', 'inherit'] })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { port, control } = JSON.parse(line) as { readonly port: number; readonly control: number }
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    return (await fetch(`http://127.0.0.1:${control}${path}`, { method, ...sent })).json()
  }
  return {
    url: `http://127.0.0.1:${port}`,
    charges: async () => new Map(Object.entries((await ask('GET', '/charges')) as Record<string, number>)),
    requests: async () => (await ask('GET', '/requests')) as Record<string, number>,
    faults: async (rates) => void (await ask('POST', '/faults', rates)),
    stop: async () => {
      process.off('exit', kill)
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
