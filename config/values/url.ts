import { type Parsed, type Problem, parsed, problem, quoted } from './parsed.ts'

const urlProblem = (text: string, example: string): Problem | undefined => {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && !/^https?:\/\//i.test(text)) return problem(`${quoted(text)} is neither \`http://\` nor \`https://\`.`)
  if (!/^https?:\/\//i.test(text)) {
    const guess = text.replace(/^(https?:)?\/*/i, (_, scheme: string | undefined) => `${scheme ?? 'http:'}//`)
    return problem(
      `${quoted(text)} does not start with \`http://\` or \`https://\`.`,
      `Write \`${URL.canParse(guess) && !/\s/.test(text) ? guess : example}\`.`,
    )
  }
  if (/[^\x21-\x7e]|\\/u.test(text)) return problem(`${quoted(text)} has a character that has to be escaped in a URL.`)
  if (!URL.canParse(text))
    return problem(
      `${quoted(text)} is not a valid URL.`,
      /:[0-9]+/.test(text.slice(6)) ? 'Ports are 1 to 65535.' : `Write one such as \`${example}\`.`,
    )
  const url = new URL(text)
  if (url.username !== '' || url.password !== '')
    return problem('The URL holds a user or password.', 'Take it out; send credentials with `request_headers`.')
  if (url.port === '0') return problem(`${quoted(text)} has port 0, which nothing listens on.`)
  return undefined
}

/** One address of a service. @returns Its origin, such as `http://127.0.0.1:9101`. */
export const upstreamUrl = (text: string): Parsed<string> => {
  const wrong = urlProblem(text, 'http://127.0.0.1:9101')
  if (wrong !== undefined) return wrong
  const url = new URL(text)
  if (text.includes('#')) return problem(`${quoted(text)} has a fragment.`, `Write \`${url.origin}\`.`)
  if (text.includes('?')) return problem(`${quoted(text)} has a query.`, `Write \`${url.origin}\`.`)
  if (url.pathname !== '/')
    return problem(
      `${quoted(text)} has a path; the path comes from the request.`,
      `Write \`${url.origin}\` and change paths in the rule with \`rewrite\` or \`strip_prefix\`.`,
    )
  return parsed(url.origin)
}

export const httpUrl = (text: string): Parsed<string> => urlProblem(text, 'https://api.example.com/health') ?? parsed(text)
