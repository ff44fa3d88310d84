import { type Parsed, parsed, problem, quoted } from './parsed.ts'

/** How addresses of one kind of server look. */
export interface ServerUrl {
  /** Without and with TLS: `redis`, `rediss`. */
  readonly schemes: readonly [plain: string, secure: string]
  /** A right one, for hints. */
  readonly example: string
  /** What to do with a query or fragment. */
  readonly insteadOfQuery: string
  /** What is wrong with the path, given without its slash; undefined when nothing is. @param shown The URL, as it may be printed. */
  path(path: string, shown: string): Parsed<never> | undefined
}

/** An address of a server: scheme, host, and where needed port, path and credentials. Credentials never reach a message. */
export const serverUrl = (text: string, { schemes, example, insteadOfQuery, path }: ServerUrl): Parsed<string> => {
  const [plain, secure] = schemes
  // What stands before an `@` may be a password, wherever the text is wrong.
  const shown = text.includes('@') ? 'The URL' : quoted(text)
  if (!text.startsWith(`${plain}://`) && !text.startsWith(`${secure}://`)) {
    const guess = text.replace(/^(?:[a-z]+:)?\/*/i, `${plain}://`)
    return problem(
      `${shown} does not start with \`${plain}://\` or \`${secure}://\`.`,
      text.includes('@') || !URL.canParse(guess) || /\s/.test(text) ? `Write one such as \`${example}\`.` : `Write \`${guess}\`.`,
    )
  }
  if (/[^\x21-\x7e]|\\/u.test(text)) return problem(`${shown} has a character that has to be escaped in a URL.`)
  if (!URL.canParse(text))
    return problem(`${shown} is not a valid URL.`, `Write one such as \`${example}\`; \`/\`, \`@\` and \`:\` in a password are escaped.`)
  const url = new URL(text)
  if (url.hostname === '') return problem(`${shown} has no host.`, `Write one such as \`${example}\`.`)
  if (url.port === '0') return problem(`${shown} has port 0, which nothing listens on.`)
  if (url.search !== '' || url.hash !== '') return problem(`${shown} has a ${url.search === '' ? 'fragment' : 'query'}.`, insteadOfQuery)
  const wrongPath = path(url.pathname.slice(1), shown)
  if (wrongPath !== undefined) return wrongPath
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return problem(`${shown} has a \`%\` without two hexadecimal digits.`, 'Write `%25` for a percent sign.')
  return parsed(text)
}
