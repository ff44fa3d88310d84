import type { CircuitBreakerInput } from '../../schemas/circuit-breaker.ts'
import type { CircuitBreakerConfig } from '../model.ts'
import { readDurationMs, readPercent } from './readers.ts'

export const resolveBreaker = ({ threshold, timeout, window, volume }: CircuitBreakerInput): CircuitBreakerConfig => ({
  thresholdPercent: readPercent(threshold),
  resetTimeoutMs: readDurationMs(timeout),
  windowMs: readDurationMs(window),
  volume,
})
