import type { Endpoint } from './endpoint.ts'
import { problemAnswer, text } from './respond.ts'
import type { Answer } from './respond.ts'

export interface Route {
  readonly endpoint: Endpoint
  readonly parameters: Readonly<Record<string, string>>
}

/** Finds the endpoint for a request, or what to answer instead. */
export const route = (offered: readonly Endpoint[], method: string, path: string): Route | Answer => {
  if (path === '/' && (method === 'GET' || method === 'HEAD')) return text(index(offered))
  const known = offered.flatMap((endpoint) => {
    const written = segmentsOf(endpoint.path, path)
    return written === undefined ? [] : [{ endpoint, written }]
  })
  if (known.length === 0 && path !== '/')
    return problemAnswer(404, 'There is nothing at this path.', { paths: offered.map((endpoint) => endpoint.path) })
  // Answers to HEAD are those to GET; the HTTP layer leaves the body out.
  const found = known.find(({ endpoint }) => endpoint.method === (method === 'HEAD' ? 'GET' : method))
  if (found === undefined) return notAllowed(known.map(({ endpoint }) => endpoint.method))
  const parameters = decoded(found.written)
  return parameters === undefined ? problemAnswer(400, 'The path is not valid percent-encoding.') : { endpoint: found.endpoint, parameters }
}

const notAllowed = (methods: readonly Endpoint['method'][]): Answer => {
  const onlyPost = methods.length > 0 && !methods.includes('GET')
  const allow = [...(onlyPost ? [] : ['GET', 'HEAD']), ...(methods.includes('POST') ? ['POST'] : [])].join(', ')
  return problemAnswer(405, `Allowed here: ${allow}.`, {}, { allow })
}

/** Parameters as they stand in the path; undefined when it is not of this shape. Parameters are whole segments and never empty. */
const segmentsOf = (template: string, path: string): readonly (readonly [name: string, written: string])[] | undefined => {
  const wanted = template.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return undefined
  const parameters: [string, string][] = []
  for (const [index, segment] of wanted.entries()) {
    const written = given[index] ?? ''
    if (!segment.startsWith('{')) {
      if (segment !== written) return undefined
    } else if (written === '') return undefined
    else parameters.push([segment.slice(1, -1), written])
  }
  return parameters
}

const decoded = (written: readonly (readonly [string, string])[]): Readonly<Record<string, string>> | undefined => {
  try {
    return Object.fromEntries(written.map(([name, value]) => [name, decodeURIComponent(value)]))
  } catch {
    return undefined
  }
}

const index = (offered: readonly Endpoint[]): string => {
  const width = Math.max(...offered.map(({ path }) => path.length))
  return `Headgate admin\n\n${offered.map(({ method, path, summary }) => `${method.padEnd(4)} ${path.padEnd(width)}  ${summary}`).join('\n')}\n`
}
