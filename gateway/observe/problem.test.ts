import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { errorCatalogue, GatewayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { problem, problemSlug } from './problem.ts'

const traceId = 'a'.repeat(32)
const codes = Object.keys(errorCatalogue) as ErrorCode[]
const docs = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const [ofGateway = '', ofAdmin = ''] = docs.split('\n# Problems of the admin listener\n')
const sections = (text: string): { slug: string; body: string }[] =>
  text
    .split('\n## ')
    .slice(1)
    .map((section) => ({ slug: section.slice(0, section.indexOf('\n')), body: section }))

describe('problem', () => {
  test('is the exact body that callers rely on', () => {
    expect(problem(new GatewayError('UPSTREAM_TIMEOUT'), traceId)).toBe(
      `{"type":"urn:headgate:error:upstream-timeout","title":"The service did not answer in time","status":504,"code":"UPSTREAM_TIMEOUT","trace_id":"${traceId}"}`,
    )
  })

  test('carries the detail, escaped', () => {
    expect(JSON.parse(problem({ code: 'BAD_REQUEST', detail: 'a "quoted"\nline' }, traceId))).toMatchObject({
      status: 400,
      detail: 'a "quoted"\nline',
      trace_id: traceId,
    })
  })

  test('never tells what the upstream said', () => {
    const error = new GatewayError('UPSTREAM_RESET', { cause: new Error('secret of the upstream') })
    expect(problem(error, traceId)).not.toContain('secret')
  })

  test.each(codes)('%s has a body of its own', (code) => {
    const { status, title } = errorCatalogue[code]
    expect(JSON.parse(problem({ code }, traceId))).toEqual({
      type: `urn:headgate:error:${problemSlug(code)}`,
      title,
      status,
      code,
      trace_id: traceId,
    })
  })
})

describe('docs/errors.md', () => {
  test('has exactly the sections of the catalogue, in its order', () => {
    expect(sections(ofGateway).map(({ slug }) => slug)).toEqual(codes.map(problemSlug))
  })

  test.each(codes)('says for %s what it is, and what caller and operator do', (code) => {
    const body = sections(ofGateway).find(({ slug }) => slug === problemSlug(code))?.body ?? ''
    expect(body).toContain(`Code \`${code}\`, status ${errorCatalogue[code].status}`)
    expect(body).toMatch(/\n- Caller: \S/)
    expect(body).toMatch(/\n- Operator: \S/)
  })

  test('has the problem types of the admin listener', () => {
    expect(sections(ofAdmin).map(({ slug }) => slug)).toEqual(['config-rejected'])
  })
})
