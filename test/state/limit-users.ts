import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { OutboundLimits } from '../../gateway/limits/outbound-limiter.ts'
import type { Priority } from '../../gateway/limits/waiting-line.ts'
import { killed } from '../kit/child.ts'
import type { LimitTask } from './limit-user.ts'

/** No test lasts for a whole window of it. */
export const rate = { limit: 100, windowMs: 60_000 }

/** How many of `count` calls that come at the same time are granted. */
export const grantsOf = async (limits: OutboundLimits, count: number, of = rate, priority: Priority = 0, maxWaitMs = 0): Promise<number> => {
  const taken = await Promise.all(Array.from({ length: count }, () => limits.take('payment', of, priority, { maxWaitMs })))
  return taken.filter(({ granted }) => granted).length
}

/** Processes of their own that wait for `go`, then take. */
export interface LimitUsers {
  process(task: Omit<LimitTask, 'store'>): Promise<ChildProcess>
  kill(): Promise<void>
}

export const limitUsers = (store: () => LimitTask['store']): LimitUsers => {
  const children: ChildProcess[] = []
  return {
    process: async (task) => {
      const words = [JSON.stringify({ store: store(), ...task })]
      const child = fork(fileURLToPath(new URL('./limit-user.ts', import.meta.url)), words, { execArgv: [] })
      children.push(child)
      await once(child, 'message')
      return child
    },
    kill: async () => {
      await Promise.all(children.splice(0).map(killed))
    },
  }
}

/** @returns How many were granted to the process. */
export const go = async (child: ChildProcess): Promise<number> => {
  const answered = once(child, 'message') as Promise<[number]>
  child.send('go')
  return (await answered)[0]
}
