import type { Exchange } from './exchange.ts'

/** Waits between two attempts; a client that goes away meanwhile ends the wait with `CLIENT_GONE`. */
export const waiter = (ms: number, call: Exchange): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      call.wake = undefined
      resolve()
    }, ms)
    call.wake = (reason) => {
      clearTimeout(timer)
      call.wake = undefined
      reject(reason)
    }
  })
