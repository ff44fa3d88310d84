import type { ConsumerConfig } from '../../config/model.ts'

export interface ConsumerShare {
  /** Deliveries held, and handled at the same time, by this process; 0 for a process that takes none. */
  readonly prefetch: number
  readonly concurrency: number
}

/**
 * The part of one process in the limits of a consumer, which are for all processes together. Where there is less to do at the same
 * time than there are processes, the first ones do it; order is kept by one process alone.
 */
export function consumerShare(
  config: Pick<ConsumerConfig, 'prefetch' | 'concurrency' | 'orderBy'>,
  { index, count }: { readonly index: number; readonly count: number },
): ConsumerShare {
  const sharers = config.orderBy === undefined ? Math.max(1, Math.min(count, config.prefetch, config.concurrency)) : 1
  if (index >= sharers) return { prefetch: 0, concurrency: 0 }
  const part = (total: number): number => Math.floor(total / sharers) + (index < total % sharers ? 1 : 0)
  return { prefetch: part(config.prefetch), concurrency: part(config.concurrency) }
}
