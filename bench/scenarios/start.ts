/**
 * From the command to the first good answer through the gateway, with a configuration of the example's size.
 * Alone: node bench/scenarios/start.ts
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, startChild, untilServing } from '../child.ts'
import { exampleSized } from '../gateway-config.ts'
import { gatewayCommand } from '../peers/headgate.ts'
import { usersPath } from '../peers/peer.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { median } from '../statistics.ts'
import { nodeUpstream } from '../upstream.ts'

export interface StartResult {
  readonly medianMs: number
  /** The slowest of the runs. */
  readonly worstMs: number
  /** The same with the floor in place of the gateway: what Node and undici need alone. */
  readonly floorMs: number
  readonly runs: number
}

const floor = join(import.meta.dirname, '../floor.ts')

export const measureStart = async (runs: number): Promise<StartResult> => {
  const folder = temporaryFolder()
  const upstream = await nodeUpstream(folder, undefined)
  const gatewayMs: number[] = []
  const floorMs: number[] = []
  const file = join(folder, 'gateway.yaml')
  const outFile = join(folder, 'out.log')
  try {
    for (let run = 0; run < runs; run += 1) {
      const port = await freePort()
      writeFileSync(file, exampleSized({ port, adminPort: await freePort(), upstreamUrl: upstream.url }))
      for (const [command, times] of [
        [gatewayCommand(file), gatewayMs],
        [{ command: process.execPath, args: [floor, String(port), upstream.url] }, floorMs],
      ] as const) {
        const startedAtMs = performance.now()
        const child = startChild(command, outFile, undefined)
        try {
          times.push((await untilServing(child, port, usersPath)) - startedAtMs)
        } finally {
          await child.stop()
        }
      }
    }
  } finally {
    await upstream.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { medianMs: median(gatewayMs), worstMs: Math.max(...gatewayMs), floorMs: median(floorMs), runs }
}

if (import.meta.main) console.log(await measureStart(9))
