import { type Parsed, parsed, problem, quoted } from './parsed.ts'

/** A JSON Pointer (RFC 6901) to something within a body. @returns Its steps. */
export const jsonPointer = (text: string): Parsed<readonly string[]> => {
  if (text === '') return problem('The JSON Pointer is empty.', 'Write one such as `/customer/id`.')
  if (!text.startsWith('/')) {
    const guess = `/${text.replace(/^\$?\.?/, '').replaceAll('.', '/')}`
    return problem(`${quoted(text)} does not start with \`/\`.`, `Write \`${guess}\`.`)
  }
  if (/~(?![01])/.test(text)) return problem(`${quoted(text)} has a \`~\` that is neither \`~0\` (for \`~\`) nor \`~1\` (for \`/\`).`)
  return parsed(
    text
      .slice(1)
      .split('/')
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')),
  )
}
