import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Starts a worker process: the same Node with the same flags. It shares both standard streams, and hears of the
 * terminal's signals through its supervisor only.
 */
export const forkWorker = (index: number, workers: number): ChildProcess =>
  fork(fileURLToPath(new URL(`../worker${extname(import.meta.url)}`, import.meta.url)), [String(index), String(workers)], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: process.execArgv,
  })
