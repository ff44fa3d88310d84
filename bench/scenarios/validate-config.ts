/**
 * A configuration of 10,000 routes: everything that `headgate validate` does with it, against `yaml`'s own `parse` of the same text.
 * Alone: node bench/scenarios/validate-config.ts
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runChild } from '../child.ts'
import { manyRoutes } from '../gateway-config.ts'
import { median } from '../statistics.ts'
import { temporaryFolder } from '../temporary-folder.ts'

export interface ValidateResult {
  readonly routes: number
  readonly bytes: number
  /** First call in a fresh process (modules loaded, code cold), as a person at a terminal meets it; medians over processes. */
  readonly coldMs: { readonly validate: number; readonly parse: number }
  /** Later calls in the same process. */
  readonly warmMs: { readonly validate: number; readonly parse: number }
}

type Part = 'validate' | 'parse'

/** The work of one part, with its modules already loaded. */
const work = async (part: Part, file: string): Promise<() => Promise<void>> => {
  if (part === 'parse') {
    const { parse } = await import('yaml')
    return async () => {
      const parsed: unknown = parse(readFileSync(file, 'utf8'))
      if (typeof parsed !== 'object') throw new Error('not parsed')
    }
  }
  const { load } = await import('../../config/load.ts')
  return async () => {
    const { config, diagnostics } = await load({ paths: [file], env: {}, cwd: process.cwd() })
    if (config === undefined) throw new Error(`not valid: ${JSON.stringify(diagnostics[0])}`)
  }
}

const timed = async (run: () => Promise<void>, calls: number): Promise<number[]> => {
  const times: number[] = []
  for (let call = 0; call < calls; call += 1) {
    const startedAtMs = performance.now()
    await run()
    times.push(performance.now() - startedAtMs)
  }
  return times
}

/** Each part in processes of its own, in turn, so that neither warms code or fills the heap for the other. */
export const measureValidate = async (routes: number, processes: number, calls: number): Promise<ValidateResult> => {
  const folder = temporaryFolder()
  const file = join(folder, 'gateway.yaml')
  const text = manyRoutes({ port: 8080, adminPort: 9900, upstreamUrl: 'http://127.0.0.1:9101' }, routes)
  writeFileSync(file, text)
  const cold = { validate: [] as number[], parse: [] as number[] }
  const warm = { validate: [] as number[], parse: [] as number[] }
  try {
    for (let index = 0; index < processes; index += 1) {
      for (const part of ['parse', 'validate'] as const) {
        const args = [import.meta.filename, part, file, String(calls)]
        const [first = Number.NaN, ...later] = JSON.parse(await runChild({ command: process.execPath, args }, undefined)) as number[]
        cold[part].push(first)
        warm[part].push(...later)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    routes,
    bytes: Buffer.byteLength(text),
    coldMs: { validate: median(cold.validate), parse: median(cold.parse) },
    warmMs: { validate: median(warm.validate), parse: median(warm.parse) },
  }
}

if (import.meta.main) {
  const [part, file, calls] = process.argv.slice(2)
  if (file !== undefined && (part === 'validate' || part === 'parse')) {
    process.stdout.write(JSON.stringify(await timed(await work(part, file), Number(calls))))
  } else console.log(await measureValidate(10_000, 3, 4))
}
