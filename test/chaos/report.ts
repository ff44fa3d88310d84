import type { RunResult } from './scenario.ts'

/** A scenario that was not run with a broker, and why. */
export interface NotRun {
  readonly scenario: string
  readonly broker: string
  readonly why: string
  /** `not applicable`: there is nothing to try. `missing`: the broker could not be had. `failed`: it ended before there was a result. */
  readonly kind: 'not applicable' | 'missing' | 'failed'
}

export interface Report {
  readonly seed: number
  readonly size: string
  readonly results: readonly RunResult[]
  readonly notRun: readonly NotRun[]
}

export const isBroken = (result: RunResult): boolean => result.checks.some((check) => !check.kept)

const head = ['scenario', 'broker', 'attempted', 'acknowledged', 'lost', 'duplicated', 'unexpected', 'dead-lettered', 'seconds', 'promises']

/** The table and, below it, what was promised and seen. */
export function text(report: Report): string {
  const rows = report.results.map((result) => [
    result.scenario,
    result.broker,
    ...[
      result.counts.attempted,
      result.counts.acknowledged,
      result.counts.lost,
      result.counts.duplicated,
      result.counts.unexpected,
      result.counts.deadLettered,
    ].map((count) => count.toLocaleString('en')),
    result.seconds.toFixed(0),
    isBroken(result) ? 'BROKEN' : 'kept',
  ])
  const rest = report.notRun.map(({ scenario, broker, why }) => [scenario, broker, ...head.slice(2, -1).map(() => '-'), why])
  return [table([head, ...rows, ...rest]), '', ...report.results.flatMap(promises), `seed ${report.seed}, ${report.size} size`, ''].join('\n')
}

const promises = (result: RunResult): readonly string[] => [
  `${result.scenario} on ${result.broker}`,
  ...result.checks.map(({ kept, promise, seen }) => `  ${kept ? 'kept  ' : 'BROKEN'} ${promise}: ${seen}`),
  ...(result.counts.duplicated > 0
    ? [`         of the duplicated, ${result.counts.duplicatedOfResent} were of messages that were sent more than once`]
    : []),
  '',
]

function table(rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const isFigure = (column: number): boolean => column > 1 && column < head.length - 1
  const cell = (value: string, column: number): string => (isFigure(column) ? value.padStart(widths[column] ?? 0) : value.padEnd(widths[column] ?? 0))
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}
