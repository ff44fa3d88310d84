import { expect } from 'vitest'
import type { ProviderFailure } from '../../../gateway/plugin.ts'

/** @returns How it failed. @throws When it does not fail by the words of the contract. */
export async function failureOf(doing: Promise<unknown>): Promise<ProviderFailure> {
  const thrown: unknown = await doing.then(
    (value) => value,
    (error: unknown) => error,
  )
  expect(thrown).toMatchObject({ name: 'ProviderFailure' })
  return thrown as ProviderFailure
}
