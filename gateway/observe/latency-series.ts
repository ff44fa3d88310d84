import type { Sample } from './metric-export.ts'

/** Upper bounds in milliseconds, inclusive; `+Inf` follows. */
export const latencyBucketsMs = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000] as const

/** Durations of one service behind one path pattern, by status code. */
export interface LatencySeries {
  /**
   * @param status 100..599; anything else counts as 500, so that junk makes no series.
   * @param ms Milliseconds, not negative.
   */
  observe(status: number, ms: number): void
  /** Lines of the exposition under `name`. */
  samples(name: string): Sample[]
}

/** Counts per bucket, not cumulative; the last one is above all bounds. */
interface Histogram {
  readonly buckets: number[]
  sum: number
}

const boundLabels = [...latencyBucketsMs.map(String), '+Inf']

const bucketOf = (ms: number): number => {
  // Linear, because most durations fall into the first few buckets.
  for (let index = 0; index < latencyBucketsMs.length; index += 1) if (ms <= (latencyBucketsMs[index] ?? Infinity)) return index
  return latencyBucketsMs.length
}

export const boundedStatus = (status: number): number => (status >= 100 && status <= 599 ? Math.trunc(status) : 500)

export const latencySeries = (service: string, endpoint: string): LatencySeries => {
  const byStatus = new Map<number, Histogram>()
  const histogramOf = (status: number): Histogram => {
    const known = byStatus.get(status)
    if (known !== undefined) return known
    const made = { buckets: boundLabels.map(() => 0), sum: 0 }
    byStatus.set(status, made)
    return made
  }
  return {
    observe: (status, ms) => {
      const histogram = byStatus.get(status) ?? histogramOf(boundedStatus(status))
      const bucket = bucketOf(ms)
      histogram.buckets[bucket] = (histogram.buckets[bucket] ?? 0) + 1
      histogram.sum += ms
    },
    samples: (name) => [...byStatus].flatMap(([status, histogram]) => histogramSamples(name, { service, endpoint, status }, histogram)),
  }
}

const histogramSamples = (name: string, labels: Sample['labels'], histogram: Histogram): Sample[] => {
  let count = 0
  const samples: Sample[] = histogram.buckets.map((inBucket, index) => {
    count += inBucket
    return { metricName: `${name}_bucket`, labels: { ...labels, le: boundLabels[index] ?? '+Inf' }, value: count }
  })
  samples.push({ metricName: `${name}_sum`, labels, value: histogram.sum }, { metricName: `${name}_count`, labels, value: count })
  return samples
}
