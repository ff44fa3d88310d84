import type { Sample } from './metric-export.ts'

/** Upper bounds in seconds, inclusive; `+Inf` follows. Deliveries take longer than requests: they wait between their attempts. */
export const deliveryBucketsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900] as const

/** Durations of one kind of work. */
export interface SecondsHistogram {
  /** @param seconds Not negative. */
  observe(seconds: number): void
  /** Lines of the exposition under `name`. */
  samples(name: string, labels: Sample['labels']): Sample[]
}

export const secondsHistogram = (): SecondsHistogram => {
  const buckets = [...deliveryBucketsSeconds.map(() => 0), 0]
  let sum = 0
  return {
    observe: (seconds) => {
      const found = deliveryBucketsSeconds.findIndex((bound) => seconds <= bound)
      const bucket = found === -1 ? deliveryBucketsSeconds.length : found
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
      sum += seconds
    },
    samples: (name, labels) => {
      let count = 0
      const lines = buckets.map((inBucket, index): Sample => {
        count += inBucket
        return { metricName: `${name}_bucket`, labels: { ...labels, le: String(deliveryBucketsSeconds[index] ?? '+Inf') }, value: count }
      })
      if (count === 0) return []
      return [...lines, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count }]
    },
  }
}
