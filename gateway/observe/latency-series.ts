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
  /** The same lines as text. */
  text(name: string): string
}

/** Counts per bucket, not cumulative; the last one is above all bounds. */
interface Histogram {
  readonly labels: Sample['labels']
  /** `labels` as they stand between the braces. */
  readonly labelText: string
  readonly buckets: number[]
  sum: number
}

const boundLabels = [...latencyBucketsMs.map(String), '+Inf'].map((le) => ({ le }))
const noLabels = {}

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
    const labels = { service, endpoint, status }
    const made = { labels, labelText: labelText(labels), buckets: boundLabels.map(() => 0), sum: 0 }
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
    samples: (name) => [...byStatus.values()].flatMap((histogram) => histogramSamples(name, histogram)),
    text: (name) => [...byStatus.values()].map((histogram) => histogramText(name, histogram)).join('\n'),
  }
}

const labelText = (labels: Sample['labels']): string =>
  Object.entries(labels)
    .map(([label, value]) => `${label}="${String(value).replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')}"`)
    .join(',')

const histogramText = (name: string, { labelText: labels, buckets, sum }: Histogram): string => {
  let count = 0
  let text = ''
  for (const [index, { le }] of boundLabels.entries()) {
    count += buckets[index] ?? 0
    text += `${name}_bucket{le="${le}",${labels}} ${count}\n`
  }
  return `${text}${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${count}`
}

const histogramSamples = (name: string, { labels: sharedLabels, buckets, sum }: Histogram): Sample[] => {
  const metricName = `${name}_bucket`
  let count = 0
  const samples: Sample[] = buckets.map((inBucket, index) => {
    count += inBucket
    return { metricName, labels: boundLabels[index] ?? noLabels, sharedLabels, value: count }
  })
  samples.push({ metricName: `${name}_sum`, labels: noLabels, sharedLabels, value: sum })
  samples.push({ metricName: `${name}_count`, labels: noLabels, sharedLabels, value: count })
  return samples
}
