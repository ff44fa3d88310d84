import { Optional } from '@marcbachmann/cel-js'
import type { JsonValue } from '../model.ts'

/** An optional value that is not there: its key, or its place in a list, is left out. */
export const absent = Symbol('absent')

const maxNodes = 200_000
const maxCharacters = 16 * 1024 * 1024
const maxDepth = 200

/** Counts what one filled template is made of: a few characters of template can ask for a million copies of the input. */
export interface Size {
  nodes: number
  characters: number
}

/**
 * The result of an expression as JSON. Numbers of any kind become JSON numbers, points in time RFC 3339 texts.
 * @throws Error with the end of a sentence that begins with "the result"; names no value.
 */
export const jsonResult = (value: unknown, size: Size, depth = 0): JsonValue | typeof absent => {
  if (depth > maxDepth) throw new Error('is nested too deeply')
  size.nodes += 1
  if (size.nodes > maxNodes) throw new Error(`has more than ${maxNodes} values`)
  if (value instanceof Optional) return value.hasValue() ? jsonResult(value.value(), size, depth) : absent
  if (typeof value === 'string') return counted(value, size)
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'number') return finite(value)
  const primitive: unknown = value?.valueOf()
  if (typeof primitive === 'bigint') return exact(primitive)
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value) || value instanceof Set) return list(value, size, depth)
  if (value instanceof Map) return map(value.entries(), size, depth)
  if (isPlain(value)) return map(Object.entries(value), size, depth)
  throw new Error('is not JSON')
}

const list = (values: Iterable<unknown>, size: Size, depth: number): JsonValue[] => {
  const result: JsonValue[] = []
  for (const value of values) {
    const item = jsonResult(value, size, depth + 1)
    if (item !== absent) result.push(item)
  }
  return result
}

const map = (entries: Iterable<[unknown, unknown]>, size: Size, depth: number): JsonValue => {
  const result: [string, JsonValue][] = []
  for (const [key, value] of entries) {
    if (value === undefined) continue
    const item = jsonResult(value, size, depth + 1)
    if (item !== absent) result.push([counted(String(key), size), item])
  }
  // Unlike an assignment it gives `__proto__` no special meaning.
  return Object.fromEntries(result)
}

const counted = (text: string, size: Size): string => {
  size.characters += text.length
  if (size.characters > maxCharacters) throw new Error(`has more than ${maxCharacters} characters`)
  return text
}

const finite = (value: number): number => {
  if (!Number.isFinite(value)) throw new Error('is no finite number')
  return value
}

const exact = (value: bigint): number => {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new Error('is a whole number beyond 2^53, which JSON cannot carry exactly; make it a text')
  return number
}

const isPlain = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
