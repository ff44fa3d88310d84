import type { Json } from '../../gateway/plugin.ts'
import { addressSchema } from './addresses.ts'
import type { AddressInput } from './addresses.ts'

export const fromSetting = addressSchema('Sender of mails that name none')

export const fromOf = (settings: Readonly<Record<string, Json>>): AddressInput | undefined => settings['from'] as AddressInput | undefined

/** Settings of adapters whose templates live at the provider. */
export const templatesSetting = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'Copies of the templates of the provider.',
  properties: {
    ttl: {
      type: 'string',
      format: 'headgate-duration',
      default: '1h',
      description: 'How long a copy is used without asking; an older one is used while the provider is away.',
    },
  },
} as const

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** @param text As the format `headgate-duration` has it: `250ms`, `1h30m`. @returns Milliseconds. */
export function durationMs(text: Json | undefined): number {
  const parts = [...(typeof text === 'string' ? text : '').matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  return parts.length === 0 ? Infinity : parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (unitMs[unit] ?? 0), 0)
}
