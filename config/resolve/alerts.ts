import type { AlertInput } from '../../schemas/alerts.ts'
import type { AlertConfig } from '../model.ts'
import { readDurationMs } from './readers.ts'

export const resolveAlerts = (alerts: Readonly<Record<string, AlertInput>> | undefined): AlertConfig[] =>
  Object.entries(alerts ?? {}).map(([name, alert]) => resolveAlert(name, alert))

const resolveAlert = (name: string, alert: AlertInput): AlertConfig => {
  const common = { name, deduplicateMs: readDurationMs(alert.deduplicate) }
  switch (alert.type) {
    case 'log':
      return { ...common, type: 'log' }
    case 'webhook': {
      const headers = Object.entries(alert.headers).map(([header, value]) => [header.toLowerCase(), value] as const)
      return { ...common, type: 'webhook', url: alert.url, headers, timeoutMs: readDurationMs(alert.timeout) }
    }
    case 'email':
      return { ...common, type: 'email', integration: alert.integration, from: alert.from, to: alert.to }
    case 'queue':
      return { ...common, type: 'queue', queue: alert.queue }
  }
}
