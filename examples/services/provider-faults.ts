/** How a payment provider misbehaves, as those who call it over a network know it. */
export const providerFaults = {
  lost_request: 'the connection breaks before anything is done',
  lost_answer: 'everything is done, then the connection breaks',
  rate_limited: '429 with Retry-After; nothing is done',
  conflict: '409, busy with this idempotency key; nothing is done',
  unavailable: '503; nothing is done',
  error_early: '500 before the work begins; the idempotency key stays free',
  error_before: '500 in the midst of the work, before its effect',
  error_after: '500 in the midst of the work, after its effect',
  malformed: 'everything is done, the answer is half a JSON text',
  wrong_shape: 'everything is done, the answer lacks what it promises',
  slow: 'the work takes its time; whoever repeats it meanwhile is told so',
  frozen: 'no answer ever; nothing is done',
} as const

export type ProviderFault = keyof typeof providerFaults

/** Share of the calls, from 0 to 1; together at most 1. */
export type FaultRates = { readonly [fault in ProviderFault]?: number }

export interface FaultPlan {
  /** What happens to this call: the next step of the script, else by chance. */
  next(): ProviderFault | undefined
  /** For the next calls, in this order; `none` lets one pass. */
  script(...steps: readonly (ProviderFault | 'none')[]): void
  /** From now on, in place of the rates before. */
  rates(rates: FaultRates): void
}

/** @param random Uniform in [0, 1). */
export const faultPlan = (first: FaultRates, random: () => number): FaultPlan => {
  let rates = first
  const steps: (ProviderFault | 'none')[] = []
  const byChance = (): ProviderFault | undefined => {
    let left = random()
    for (const [fault, share] of Object.entries(rates) as [ProviderFault, number][]) {
      left -= share
      if (left < 0) return fault
    }
    return undefined
  }
  return {
    next() {
      const step = steps.shift()
      if (step === 'none') return undefined
      return step ?? byChance()
    },
    script(...more) {
      steps.push(...more)
    },
    rates(others) {
      rates = others
    },
  }
}

export const isFault = (name: unknown): name is ProviderFault => typeof name === 'string' && Object.hasOwn(providerFaults, name)
