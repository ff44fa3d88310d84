import { boundedStatus } from './latency-series.ts'

const methods = ['OTHER', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const
const methodNumbers: ReadonlyMap<string, number> = new Map(methods.map((method, index) => [method, index]))
const methodFactor = 1000

/** Method and status as one number, so that counting builds no key. Methods outside the standard nine are OTHER. */
export const requestKind = (method: string, status: number): number => (methodNumbers.get(method) ?? 0) * methodFactor + boundedStatus(status)

/** What `requestKind` was made of. */
export const requestLabels = (kind: number): { readonly method: string; readonly code: number } => ({
  method: methods[Math.trunc(kind / methodFactor)] ?? 'OTHER',
  code: kind % methodFactor,
})
