import type { Aggregator, Metric, Registry } from 'prom-client'

/** One line of the exposition. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>
  /** Labels that several lines have in common: the same object each time, because their text is kept by it. */
  readonly sharedLabels?: Readonly<Record<string, string | number>>
  readonly value: number
  /** Name of the line where it is not the metric's own: `..._bucket`, `..._sum`, `..._count`. */
  readonly metricName?: string
}

/** A metric whose values are kept elsewhere and read only when somebody asks. */
export interface MetricSource {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** How the values of several workers become one. */
  readonly aggregator: Aggregator
  collect(): Sample[]
}

type Exported = Omit<MetricSource, 'collect'> & { readonly values: readonly Sample[] }

/** What prom-client calls on a metric to export it. */
interface ExportedMetric extends Omit<MetricSource, 'collect'> {
  /** For JSON, where every line has all its labels in one place. */
  get(): Promise<Exported>
  getForPromString(): Promise<Exported>
}

/**
 * Makes `source` part of `registry`. The own metric classes of prom-client hash a label object on every
 * count; these sources count in plain fields and pay for labels at scrape time only.
 */
export const exportMetric = (registry: Registry, source: MetricSource): void => {
  const { name, help, type, aggregator } = source
  const metric: ExportedMetric = {
    name,
    help,
    type,
    aggregator,
    get: async () => ({ name, help, type, aggregator, values: source.collect().map(flat) }),
    getForPromString: async () => ({ name, help, type, aggregator, values: source.collect() }),
  }
  // The registry only ever reads these members; its type asks for the full metric classes. A test scrapes, lists and aggregates all of them.
  registry.registerMetric(metric as unknown as Metric)
}

const flat = ({ sharedLabels, ...sample }: Sample): Sample =>
  sharedLabels === undefined ? sample : { ...sample, labels: { ...sample.labels, ...sharedLabels } }
