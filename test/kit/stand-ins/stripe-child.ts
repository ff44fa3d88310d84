import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { FaultRates, ProviderFault } from '../../../examples/services/provider-faults.ts'
import { killed } from '../child.ts'

export interface StripeChildOptions {
  readonly port?: number
  /** Of the chance by which faults come. Default 1. */
  readonly seed?: number
  readonly faults?: FaultRates
  readonly slowMs?: number
}

/** The stand-in for Stripe in a process of its own, for runs that load this one. */
export interface StripeChild {
  readonly url: string
  /** How often each reference was charged. */
  charges(): Promise<Readonly<Record<string, number>>>
  /** How many calls came, by what happened to them; `none` for those that were let alone. */
  requests(): Promise<Readonly<Record<string, number>>>
  script(...steps: readonly (ProviderFault | 'none')[]): Promise<void>
  rates(rates: FaultRates): Promise<void>
  down(): Promise<void>
  up(): Promise<void>
  kill(): Promise<void>
}

const program = fileURLToPath(new URL('./stripe-process.ts', import.meta.url))

export const startStripeProcess = async (options: StripeChildOptions = {}): Promise<StripeChild> => {
  const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { port, control } = JSON.parse(line) as { readonly port: number; readonly control: number }
  const ask = async (path: string): Promise<Readonly<Record<string, number>>> =>
    (await (await fetch(`http://127.0.0.1:${control}${path}`)).json()) as Readonly<Record<string, number>>
  const tell = async (path: string, what: unknown): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${control}${path}`, { method: 'POST', body: JSON.stringify(what) })
    if (!answer.ok) throw new Error(`the stand-in answered ${answer.status} to ${path}: ${await answer.text()}`)
  }
  return {
    url: `http://127.0.0.1:${port}`,
    charges: () => ask('/charges'),
    requests: () => ask('/requests'),
    script: (...steps) => tell('/script', steps),
    rates: (rates) => tell('/faults', rates),
    down: () => tell('/down', {}),
    up: () => tell('/up', {}),
    kill: () => killed(child),
  }
}
