import type { GatewayConfig } from '../../config/model.ts'

/** One value of a secret. */
export interface SecretField {
  readonly name: string
  readonly field: string
}

const reference = /\$\{secret:([A-Za-z][A-Za-z0-9_-]*)#([A-Za-z0-9_.-]+)\}/g

/** Puts values in the place of `${secret:name#field}`. */
export const withValues = (text: string, value: (field: SecretField) => string): string =>
  text.includes('${secret:') ? text.replace(reference, (_whole, name: string, field: string) => value({ name, field })) : text

export type SecretUsers = Pick<GatewayConfig, 'integrations' | 'alerts' | 'state' | 'brokers' | 'messaging' | 'secrets'>

/** Every reference in the parts of a configuration that may hold some; each once. */
export const secretFields = ({ integrations, alerts, state, brokers, messaging }: Omit<SecretUsers, 'secrets'>): readonly SecretField[] => {
  const found = new Map<string, SecretField>()
  const visit = (value: unknown): void => {
    if (typeof value === 'string')
      withValues(value, (field) => {
        found.set(keyOf(field), field)
        return ''
      })
    else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) visit(inner)
  }
  visit([integrations, alerts, state, brokers, messaging.store])
  return [...found.values()]
}

export const keyOf = ({ name, field }: SecretField): string => `${name}#${field}`

/** `HEADGATE_SECRET_API_KEYS_STRIPE` for `api_keys#stripe`. */
export const environmentName = ({ name, field }: SecretField): string => `HEADGATE_SECRET_${name}_${field}`.toUpperCase().replace(/[^A-Z0-9]/g, '_')
