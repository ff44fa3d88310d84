import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../kit/servers.ts'
import { until } from '../kit/until.ts'
import { startNode } from './child.ts'
import type { RecordProgress, TargetRecord } from './record.ts'

const program = fileURLToPath(new URL('./target-process.ts', import.meta.url))

/** The target service, in its own process. */
export interface Target {
  readonly url: string
  progress(): Promise<RecordProgress>
  record(): Promise<TargetRecord>
  stop(): Promise<void>
}

/** @param workMs Longest time that a delivery takes; each takes another one. */
export async function startTarget(run: string, folder: string, workMs: number): Promise<Target> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const child = startNode([program, String(port), run, String(workMs)], { cwd: folder, logFile: join(folder, 'target.log') })
  const read = async <Answer>(path: string): Promise<Answer> => (await (await fetch(`${url}${path}`)).json()) as Answer
  const target: Target = {
    url,
    progress: () => read('/progress'),
    record: () => read('/record'),
    stop: async () => void (await child.kill('SIGTERM')),
  }
  const answers = (): Promise<boolean> =>
    target.progress().then(
      () => true,
      () => false,
    )
  await until('the target listens', answers, 15_000)
  return target
}
