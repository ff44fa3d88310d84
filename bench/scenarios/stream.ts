/**
 * 1 GiB through the gateway, down and up, with a fast and a slow reader: how much its memory grows.
 * Alone: node bench/scenarios/stream.ts [MEBIBYTES]
 */
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, freePort, probe, startChild, untilServing } from '../child.ts'
import { streamRoute } from '../gateway-config.ts'
import { gatewayCommand } from '../peers/headgate.ts'
import { usersPath } from '../peers/peer.ts'
import { processUsage } from '../process-usage.ts'
import { drain, zeros } from '../stream-bytes.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { nodeUpstream } from '../upstream.ts'

export interface StreamResult {
  readonly proxy: 'headgate' | 'floor'
  readonly direction: 'download' | 'upload'
  /** `slow`: the reading side takes 64 MiB/s. */
  readonly reader: 'fast' | 'slow'
  readonly bytes: number
  readonly seconds: number
  /** Highest resident memory during the transfer minus that before it, bytes. */
  readonly growthBytes: number
}

const slowBytesPerSecond = 64 * 2 ** 20
const sampleMs = 20

const open = (port: number, method: string, path: string, headers: Record<string, string>): ReturnType<typeof request> =>
  request({ port, method, path, headers, host: '127.0.0.1', agent: false })

const answer = async (call: ReturnType<typeof request>): Promise<IncomingMessage> => {
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`)
  return response
}

const download = async (port: number, bytes: number, limit: number | undefined): Promise<number> => {
  const call = open(port, 'GET', `/api/users/stream?bytes=${bytes}`, {})
  call.end()
  return drain(await answer(call), limit)
}

const upload = async (port: number, bytes: number, limit: number | undefined): Promise<number> => {
  const query = limit === undefined ? '' : `?bytesPerSecond=${limit}`
  const call = open(port, 'POST', `/api/users/sink${query}`, { 'content-length': String(bytes) })
  const answered = answer(call)
  await pipeline(Readable.from(zeros(bytes)), call)
  const chunks: Buffer[] = []
  for await (const chunk of await answered) chunks.push(chunk as Buffer)
  return Number(Buffer.concat(chunks).toString())
}

/** Highest resident memory of a process while `work` runs, minus that before; the result of `work` beside it. */
const whileWatching = async (pid: number, work: () => Promise<number>): Promise<{ growthBytes: number; result: number }> => {
  const beforeBytes = processUsage(pid).rssBytes
  let peakBytes = beforeBytes
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, processUsage(pid).rssBytes)
  }, sampleMs)
  try {
    const result = await work()
    return { result, growthBytes: Math.max(peakBytes, processUsage(pid).rssBytes) - beforeBytes }
  } finally {
    clearInterval(sampler)
  }
}

const transfer = async (command: Command, port: number, folder: string, direction: 'download' | 'upload', slow: boolean, bytes: number) => {
  const child = startChild(command, join(folder, 'out.log'), undefined)
  try {
    await untilServing(child, port, usersPath)
    // Growth is that of a gateway in use: lazy parts are loaded and warm before the transfer.
    for (let call = 0; call < 200; call += 1) await probe(port, usersPath)
    const move = direction === 'download' ? download : upload
    const startedAtMs = performance.now()
    const { growthBytes, result } = await whileWatching(child.pid, () => move(port, bytes, slow ? slowBytesPerSecond : undefined))
    if (result !== bytes) throw new Error(`${direction}: ${result} bytes arrived of ${bytes}`)
    return { growthBytes, bytes, seconds: (performance.now() - startedAtMs) / 1000 }
  } finally {
    await child.stop()
  }
}

export const measureStream = async (proxies: readonly ('headgate' | 'floor')[], bytes: number): Promise<readonly StreamResult[]> => {
  const folder = temporaryFolder()
  const upstream = await nodeUpstream(folder, undefined)
  const file = join(folder, 'gateway.yaml')
  const results: StreamResult[] = []
  try {
    for (const proxy of proxies) {
      for (const direction of ['download', 'upload'] as const) {
        for (const reader of ['fast', 'slow'] as const) {
          const port = await freePort()
          writeFileSync(file, streamRoute({ port, adminPort: await freePort(), upstreamUrl: upstream.url }))
          const floor = { command: process.execPath, args: [join(import.meta.dirname, '../floor.ts'), String(port), upstream.url] }
          const command = proxy === 'floor' ? floor : gatewayCommand(file)
          results.push({ proxy, direction, reader, ...(await transfer(command, port, folder, direction, reader === 'slow', bytes)) })
        }
      }
    }
  } finally {
    await upstream.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return results
}

if (import.meta.main) console.table(await measureStream(['floor', 'headgate'], Number(process.argv[2] ?? 1024) * 2 ** 20))
