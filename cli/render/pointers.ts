/** One more step of a JSON Pointer (RFC 6901, section 3). */
export const childPointer = (parent: string, key: string | number): string => `${parent}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`

/** JSON Pointers of all scalars and empty collections of `value`, in order. */
export const leafPointers = (value: unknown, pointer = ''): string[] => {
  if (typeof value !== 'object' || value === null) return [pointer]
  const entries = Object.entries(value)
  return entries.length === 0 ? [pointer] : entries.flatMap(([key, child]) => leafPointers(child, childPointer(pointer, key)))
}
