import { Document, isCollection, isMap, isScalar, isSeq } from 'yaml'
import type { Node } from 'yaml'
import { childPointer } from './pointers.ts'

/**
 * A value as YAML.
 * @param originOf Where the value at a JSON Pointer comes from; written as a comment behind it. Absent: no comments.
 */
export const effectiveYaml = (value: unknown, originOf?: (pointer: string) => string | undefined): string => {
  const document = new Document(value, { aliasDuplicateObjects: false })
  if (originOf !== undefined && document.contents !== null) annotate(document.contents, '', originOf)
  // Folding would put a line break between a value and the comment that belongs to it.
  return document.toString({ lineWidth: 0 })
}

const annotate = (node: unknown, pointer: string, originOf: (pointer: string) => string | undefined): void => {
  if (isMap(node)) for (const pair of node.items) annotate(pair.value, childPointer(pointer, String(isScalar(pair.key) ? pair.key.value : pair.key)), originOf)
  else if (isSeq(node)) for (const [index, item] of node.items.entries()) annotate(item, childPointer(pointer, index), originOf)
  if (isLeaf(node)) {
    const origin = originOf(pointer)
    if (origin !== undefined) node.comment = ` ${origin}`
  }
}

const isLeaf = (node: unknown): node is Node => isScalar(node) || (isCollection(node) && node.items.length === 0)
