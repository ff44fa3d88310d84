import type { NewRecord } from '../../gateway/state/record-store.ts'

export const newRecord = (id: string, over: Partial<NewRecord> = {}): NewRecord => ({
  kind: 'intent',
  id,
  group: 'payment.create_payment',
  state: 'running',
  dueAtMs: Infinity,
  expiresAtMs: Infinity,
  createdAtMs: Date.now(),
  value: '{}',
  ...over,
})
