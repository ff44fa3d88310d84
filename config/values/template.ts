import { type Parsed, parsed, problem, quoted } from './parsed.ts'
import { paramName, path } from './path.ts'

/** Names in braces, in order; undefined when the braces do not fit. */
export const templateParams = (text: string): readonly string[] | undefined => {
  const names = [...text.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name)
  return /[{}]/.test(text.replace(/\{[^{}]*\}/g, '')) ? undefined : names
}

/** A path to send upstream, with `{params}` and `{rest}` anywhere in it. */
export const pathTemplate = (text: string): Parsed<string> => {
  const names = templateParams(text)
  if (names === undefined) return problem(`${quoted(text)} has a brace without its partner.`)
  const odd = names.find((name) => !paramName.test(name))
  if (odd !== undefined) return problem(`${quoted(`{${odd}}`)} is not a parameter.`, 'A name has letters, digits and `_`, such as `{order_id}`.')
  if (text.endsWith('/*')) return problem(`${quoted(text)} has a \`*\`; here it would be sent as it is.`, `Write \`${text.slice(0, -1)}{rest}\`.`)
  const plain = path(text.replace(/\{[^{}]*\}/g, 'x'))
  return plain.ok
    ? parsed(text)
    : problem(`${quoted(text)} is not a path to send.`, plain.message.startsWith('`') ? plain.hint : `${plain.message} ${plain.hint ?? ''}`.trim())
}

/** Where a redirect leads: a path or an http(s) URL, with `{params}` and `{rest}` behind the host. */
export const location = (text: string): Parsed<string> => {
  const names = templateParams(text)
  if (names === undefined) return problem(`${quoted(text)} has a brace without its partner.`)
  if (text.startsWith('//')) return problem(`${quoted(text)} has no scheme; browsers read what follows \`//\` as a host.`, `Write \`https:${text}\`.`)
  if (/[^\x21-\x7e]|[\\"<>]/u.test(text)) return problem(`${quoted(text)} has a character that has to be escaped in a URL.`)
  if (text.startsWith('/')) return parsed(text)
  const filled = text.replace(/\{[^{}]*\}/g, 'x')
  if (!/^https?:\/\//i.test(text) || !URL.canParse(filled))
    return problem(`${quoted(text)} is not a place to redirect to.`, 'Write a path such as `/new/{id}` or a URL such as `https://example.com/`.')
  const authority = /^https?:\/\/([^/?#]*)/i.exec(text)?.[1] ?? ''
  if (/[{}@]/.test(authority))
    return problem(`${quoted(text)} has a parameter or user in its host; a request could then choose where it is sent.`, 'Write the host out.')
  return parsed(text)
}
