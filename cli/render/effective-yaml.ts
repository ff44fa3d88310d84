import { Document, isMap, isScalar, isSeq } from 'yaml'
import type { ScalarTag } from 'yaml'
import { childPointer } from './pointers.ts'

/** An empty collection, printed like a scalar: the library would put the comment of a real one on a line of its own. */
class Empty {
  readonly text: '[]' | '{}'

  constructor(text: '[]' | '{}') {
    this.text = text
  }
}

const emptyTag: ScalarTag = {
  tag: 'tag:yaml.org,2002:empty',
  default: true,
  test: /^(?!)/,
  identify: (value) => value instanceof Empty,
  resolve: (text) => text,
  stringify: ({ value }) => (value instanceof Empty ? value.text : ''),
}

/**
 * A value as YAML.
 * @param originOf Where the value at a JSON Pointer comes from; written as a comment behind it. Absent: no comments.
 */
export const effectiveYaml = (value: unknown, originOf?: (pointer: string) => string | undefined): string => {
  const document = new Document(withEmpties(value), { aliasDuplicateObjects: false, customTags: [emptyTag] })
  if (originOf !== undefined && document.contents !== null) annotate(document.contents, '', originOf)
  // Folding would put a line break between a value and the comment that belongs to it.
  return document.toString({ lineWidth: 0 })
}

const withEmpties = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.length === 0 ? new Empty('[]') : value.map(withEmpties)
  const entries = Object.entries(value)
  return entries.length === 0 ? new Empty('{}') : new Map(entries.map(([key, item]) => [key, withEmpties(item)]))
}

const annotate = (node: unknown, pointer: string, originOf: (pointer: string) => string | undefined): void => {
  if (isMap(node))
    for (const pair of node.items) annotate(pair.value, childPointer(pointer, String(isScalar(pair.key) ? pair.key.value : pair.key)), originOf)
  else if (isSeq(node)) for (const [index, item] of node.items.entries()) annotate(item, childPointer(pointer, index), originOf)
  else if (isScalar(node)) {
    const origin = originOf(pointer)
    if (origin !== undefined) node.comment = ` ${origin}`
  }
}
