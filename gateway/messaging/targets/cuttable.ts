import { GatewayError } from '../../errors.ts'
import type { DeliveryCall } from '../consumer-call.ts'
import type { Target, TargetAnswer } from './target.ts'

/** An attempt that cannot be called back, a publish or an operation: cut off, it goes on by itself, and the message is delivered again. */
export const cuttable =
  (work: (call: DeliveryCall) => Promise<TargetAnswer>): Target =>
  async (call) => {
    if (call.aborted) throw new GatewayError('CLIENT_GONE')
    call.attempts += 1
    call.sent = true
    const cut = new Promise<never>((_resolve, reject) => {
      call.interrupt = reject
    })
    try {
      return await Promise.race([work(call), cut])
    } finally {
      call.interrupt = undefined
    }
  }
