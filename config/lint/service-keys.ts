/** Keys of a rule that only matter when a service is called. */
export const serviceKeys = [
  'timeout',
  'idle_timeout',
  'deadline',
  'retries',
  'backoff',
  'retry_budget',
  'idempotency_key',
  'circuit_breaker',
  'strip_prefix',
  'rewrite',
  'request_headers',
  'mirror',
] as const
