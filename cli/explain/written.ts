import type { LoadResult } from '../../config/load.ts'
import { pointerSteps } from '../../config/source/value.ts'
import type { Policy } from './policies.ts'

/** The text at a pointer as the file has it, where it takes something from the environment; undefined for all others. */
export const written = ({ effective }: LoadResult, pointer: string): string | undefined => reference(at(effective?.value, pointer))

/** The value of a policy for a reader. What comes from the environment may be a secret, so it stays the reference that was written. */
export const writtenText = ({ effective }: LoadResult, { pointer, value }: Policy): string => {
  const found = at(effective?.value, pointer)
  return reference(found) ?? headerReference(found, value) ?? value
}

const reference = (value: unknown): string | undefined => (typeof value === 'string' && value.includes('${') ? value : undefined)

/** Header edits are one map, of which a policy is one entry: `name: value`, with the name in lower case. */
const headerReference = (edits: unknown, value: string): string | undefined => {
  if (typeof edits !== 'object' || edits === null || Array.isArray(edits)) return undefined
  const [name = ''] = value.split(':')
  const text = reference(Object.entries(edits).find(([key]) => key.toLowerCase() === name)?.[1])
  return text === undefined ? undefined : `${name}: ${text}`
}

const at = (root: unknown, pointer: string): unknown =>
  pointerSteps(pointer).reduce(
    (value: unknown, step) => (typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === step)?.[1] : undefined),
    root,
  )
