import { assert, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { accessLine } from './access-line.ts'
import type { AccessEntry } from './access-line.ts'

const trace = { traceId: 'a'.repeat(32), parentSpanId: undefined, spanId: 'b'.repeat(16), sampled: true, flags: '01', tracestate: undefined }
const small: AccessEntry = {
  listener: 'main',
  method: 'GET',
  path: '/',
  status: 200,
  attempts: 0,
  durationMs: 1.25,
  bytesOut: 2,
  client: '::1',
  trace,
}

describe('accessLine', () => {
  test('has a key for everything that is known', () => {
    const entry: AccessEntry = {
      ...small,
      query: 'a=1',
      route: '/api/users/*',
      service: 'user-service',
      upstream: 'http://127.0.0.1:9101',
      attempts: 2,
      durationMs: 12.34567,
      upstreamMs: 3,
      userAgent: 'curl/8',
      error: 'UPSTREAM_TIMEOUT',
      trace: { ...trace, parentSpanId: 'c'.repeat(16), sampled: false },
      headers: { 'x-tenant': 'acme' },
    }
    expect(accessLine(entry, 1_700_000_000_000, true)).toBe(
      '{"time":1700000000000,"listener":"main","method":"GET","path":"/","query":"a=1","status":200,"route":"/api/users/*","service":"user-service",' +
        '"upstream":"http://127.0.0.1:9101","attempts":2,"duration_ms":12.346,"upstream_ms":3,"bytes_out":2,"client":"::1","user_agent":"curl/8",' +
        `"error":"UPSTREAM_TIMEOUT","trace_id":"${'a'.repeat(32)}","span_id":"${'b'.repeat(16)}","parent_span_id":"${'c'.repeat(16)}","sampled":false,` +
        '"request_headers":{"x-tenant":"acme"}}\n',
    )
  })

  test('has no key for what is not known', () => {
    expect(Object.keys(JSON.parse(accessLine(small, 1, true)) as object)).toEqual(
      'time listener method path status attempts duration_ms bytes_out client trace_id span_id sampled'.split(' '),
    )
  })

  test('leaves the query out unless it is asked for', () => {
    expect(accessLine({ ...small, query: 'token=secret' }, 1, false)).not.toContain('secret')
  })

  test('stays one line of plain ASCII when a client sends line breaks, quotes and terminal codes', () => {
    const userAgent = 'x\n{"level":"error"}\r\u001b[31m\u009b2J\u007f"\\\u2028é\ud800'
    const line = accessLine({ ...small, userAgent, path: `/${userAgent}`, headers: { [userAgent]: userAgent } }, 1, false)
    expect(line).toMatch(/^[\x20-\x7e]+\n$/)
    expect(JSON.parse(line)).toMatchObject({ user_agent: userAgent, path: `/${userAgent}`, request_headers: { [userAgent]: userAgent } })
  })

  test('any text comes back as it was', () => {
    assert(
      property(string({ unit: 'binary', maxLength: 60 }), string({ unit: 'grapheme', maxLength: 20 }), (userAgent, query) => {
        const line = accessLine({ ...small, userAgent, query }, 1, true)
        expect(line).toMatch(/^[\x20-\x7e]+\n$/)
        expect(JSON.parse(line)).toMatchObject({ user_agent: userAgent, query })
      }),
    )
  })

  test('cuts texts that would fill the log', () => {
    const { path } = JSON.parse(accessLine({ ...small, path: `/${'a'.repeat(100_000)}` }, 1, false)) as { path: string }
    expect(path).toBe(`/${'a'.repeat(2047)}...`)
  })

  test('stays JSON when a number is none', () => {
    expect(JSON.parse(accessLine({ ...small, durationMs: Number.NaN, bytesOut: Infinity }, 1, false))).toMatchObject({
      duration_ms: null,
      bytes_out: null,
    })
  })
})
