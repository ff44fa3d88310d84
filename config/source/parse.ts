import { Composer, type CST, type Document, isMap, type ParsedNode, Parser, type YAMLMap } from 'yaml'
import type { Findings } from '../diagnostics/findings.ts'
import { quoted } from '../values/parsed.ts'
import type { SourceFile } from './source-file.ts'

/** Deeper than any real configuration, shallow enough for every stack. */
export const maxDepth = 64
/** Errors in one file after which the rest are consequences. */
const maxSyntaxErrors = 20

/**
 * Text to YAML 1.2 nodes with their offsets. Nothing is expanded here: aliases stay aliases.
 * @returns The top map; undefined when there is none, with the reasons in `findings`.
 */
export const parseText = (file: SourceFile, findings: Findings): YAMLMap | undefined => {
  if (!checkText(file, findings)) return undefined
  const tokens = [...new Parser().parse(file.text)]
  if (!checkDepth(tokens, file, findings)) return undefined
  const documents = [
    ...new Composer({ version: '1.2', schema: 'core', strict: true, uniqueKeys: false, merge: false, logLevel: 'silent' }).compose(tokens),
  ]
  return topMap(documents, file, findings)
}

const checkText = (file: SourceFile, findings: Findings): boolean => {
  const nul = file.text.indexOf('\0')
  if (nul === -1) return true
  findings.report('HG1006', file.locate(nul, nul + 1), 'There is a NUL character here: the file is not text, or only half written.')
  return false
}

/** The composer of the library calls itself for every level; the tokens are walked here with an own stack. */
const checkDepth = (tokens: readonly CST.Token[], file: SourceFile, findings: Findings): boolean => {
  const stack: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }))
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { token, depth } = top
    if (depth > maxDepth) {
      findings.report('HG1012', file.locate(token.offset, token.offset + 1), `Maps and lists are nested more than ${maxDepth} deep here.`)
      return false
    }
    if (token.type === 'document') {
      if (token.value) stack.push({ token: token.value, depth })
    } else if ('items' in token) {
      for (let at = token.items.length - 1; at >= 0; at -= 1) {
        const item = token.items[at]
        if (item?.value) stack.push({ token: item.value, depth: depth + 1 })
        if (item && 'key' in item && item.key) stack.push({ token: item.key, depth: depth + 1 })
      }
    }
  }
  return true
}

const topMap = (documents: readonly Document.Parsed[], file: SourceFile, findings: Findings): YAMLMap | undefined => {
  const [first, second] = documents
  if (first === undefined || isEmpty(first)) {
    findings.report('HG1007', file.locate(0, 0), file.text.trim() === '' ? 'The file is empty.' : 'The file holds nothing but comments.', {
      hint: 'A configuration has at least one section, such as `routing_rules:`.',
    })
    return undefined
  }
  if (reportSyntax(first, file, findings)) return undefined
  if (second !== undefined) {
    findings.report(
      'HG1008',
      file.locate(second.range[0], second.range[0] + 1),
      'A second YAML document begins here; only one is read from a file.',
      { hint: 'Put it into a file of its own, or remove the `---`.' },
    )
    return undefined
  }
  const top = first.contents
  if (isMap(top)) return top
  const [start, end] = top?.range ?? [0, 0]
  findings.report('HG1004', file.locate(start, end), 'The file does not hold a map of sections.', {
    hint: 'Begin with a section, such as `routing_rules:`.',
  })
  return undefined
}

const isEmpty = (document: Document.Parsed): boolean => {
  const contents: ParsedNode | null = document.contents
  return (
    document.errors.length === 0 && (contents === null || (contents.range[0] === contents.range[1] && 'value' in contents && contents.value === null))
  )
}

const reportSyntax = (document: Document.Parsed, file: SourceFile, findings: Findings): boolean => {
  // What is unexpected behind the first error is so because of it.
  const errors = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0]).filter(({ code }, index) => index === 0 || code !== 'UNEXPECTED_TOKEN')
  for (const error of errors.slice(0, maxSyntaxErrors)) {
    const [start, end] = error.pos
    const { message, hint } = bracesInFlow(file, start) ?? syntaxText(error.code, error.message, file, start)
    findings.report('HG1001', file.locate(start, end), message, { hint })
  }
  const tags = document.warnings.filter(({ code }) => code === 'TAG_RESOLVE_FAILED')
  for (const tag of tags) reportTag(file, tag.pos, findings)
  return document.errors.length > 0 || tags.length > 0
}

const reportTag = (file: SourceFile, [start, end]: readonly [number, number], findings: Findings): void =>
  findings.report('HG1011', file.locate(start, end), `The tag ${quoted(file.text.slice(start, end).split(/\s/)[0] ?? '')} has no meaning here.`, {
    hint: 'Remove it.',
  })

/** The commonest trap of flow style: `{ path: /users/{id} }` and `{ body: ${env:NAME} }` end at the first brace. */
const bracesInFlow = (file: SourceFile, at: number): { message: string; hint: string } | undefined =>
  file.text[at] === '{' && /[^\s"'{}[\],]/.test(file.text[at - 1] ?? ' ')
    ? { message: 'Within `{ }` and `[ ]`, a text ends at the first brace.', hint: 'Put the text in quotes.' }
    : undefined

const syntaxText = (code: string, message: string, file: SourceFile, at: number): { message: string; hint?: string } => {
  const char = file.text[at] ?? ''
  switch (code) {
    case 'TAB_AS_INDENT':
      return { message: 'A tab is used for indentation.', hint: 'YAML indents with spaces.' }
    case 'BAD_SCALAR_START':
      return { message: `A plain text cannot begin with ${quoted(char)}.`, hint: 'Put it in quotes.' }
    case 'BLOCK_AS_IMPLICIT_KEY':
      return { message: 'A `: ` in the middle of a value looks like another key.', hint: 'Put the value in quotes, or begin a new line.' }
    case 'MULTILINE_IMPLICIT_KEY':
      return { message: 'This line is no `key: value`.', hint: 'Is a colon missing, or the space behind it?' }
    case 'UNEXPECTED_TOKEN':
      return { message: `${quoted(char)} is not expected here.` }
    case 'MISSING_CHAR':
      if (message.startsWith('Sequence item'))
        return { message: 'The indentation does not fit the lines above.', hint: 'Keys of one map begin in the same column.' }
      if (message.startsWith('Implicit map keys'))
        return { message: 'This line is no `key: value`.', hint: 'Is a colon missing, or the space behind it?' }
      if (message.includes('quote')) return { message: 'The quoted text does not end.', hint: 'Add the closing quote.' }
      return { message: `${message}.` }
    case 'BAD_INDENT':
      if (message.startsWith('All '))
        return { message: 'The indentation does not fit the lines above.', hint: 'Keys of one map begin in the same column.' }
      return { message: /map/.test(message) ? 'A `{` is not closed by a `}`.' : 'A `[` is not closed by a `]`.' }
    default:
      return { message: `${message.replace(/\.$/, '')}.` }
  }
}
