import { longestTimerMs } from '../services/timer.ts'

/** A call that somebody may break off; whoever waits for something says how. */
export interface Interruptible {
  interrupt: ((reason: Error) => void) | undefined
}

/** Waits between two attempts. Rejects with the reason when the call is interrupted meanwhile. */
export const interruptibleSleep = (ms: number, call: Interruptible): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        call.interrupt = undefined
        resolve()
      },
      Math.min(ms, longestTimerMs),
    )
    call.interrupt = (reason) => {
      clearTimeout(timer)
      call.interrupt = undefined
      reject(reason)
    }
  })
