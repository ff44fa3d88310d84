import { describe, expect, test } from 'vitest'
import { requestHeadReader } from './request-head.ts'
import type { RequestHead } from './request-head.ts'

const tracing = { headers: { traceId: 'x-trace-id', parentSpanId: 'x-parent-span-id', spanId: 'x-span-id', sampled: 'x-sampled' } }

const read = (raw: readonly string[], connection?: string, config = tracing): RequestHead => requestHeadReader(config)(raw, connection)

describe('one pass over the headers of a request', () => {
  test('sends on what is meant for the service, in lower case and in its order', () => {
    expect(read(['Accept', '*/*', 'X-B', '2', 'x-a', '1', 'X-B', '3']).forward).toEqual([
      'host',
      '',
      'accept',
      '*/*',
      'x-b',
      '2',
      'x-a',
      '1',
      'x-b',
      '3',
    ])
  })

  test('keeps what the gateway states itself from being stated by a client', () => {
    const own = [
      'Forwarded',
      'X-Forwarded-For',
      'x-forwarded-anything',
      'X-Real-IP',
      'Via',
      'traceparent',
      'tracestate',
      'X-Trace-Id',
      'X-Span-Id',
      'X-Parent-Span-Id',
      'X-Sampled',
      'X-Original-URL',
    ]
    expect(read(own.flatMap((name) => [name, 'x'])).forward).toEqual(['host', ''])
  })

  test('drops names with an underscore', () => {
    expect(read(['x_user', '1', '_', '2']).forward).toEqual(['host', ''])
  })

  test('counts hosts and authorizations', () => {
    expect(read(['Host', 'a', 'host', 'b', 'Authorization', 'x', 'AUTHORIZATION', 'y'])).toMatchObject({ hosts: 2, authorizations: 2 })
  })

  test('does not let `Connection` hide a second host', () => {
    expect(read(['Host', 'a', 'Host', 'b'], 'host')).toMatchObject({ hosts: 2 })
  })

  test('takes what `Connection` nominates for headers of the connection', () => {
    expect(read(['X-A', '1', 'X-B', '2', 'Content-Length', '3'], 'X-a , ,content-length').forward).toEqual([
      'host',
      '',
      'x-b',
      '2',
      'content-length',
      '3',
    ])
  })

  test('reads the trace under the names of the configuration', () => {
    const names = { headers: { ...tracing.headers, traceId: 'b3-id' } }
    expect(read(['B3-Id', 'abc', 'x-trace-id', 'other'], undefined, names)).toMatchObject({
      traceId: 'abc',
      forward: ['host', '', 'x-trace-id', 'other'],
    })
  })

  test('takes two traceparents for none, and joins lists', () => {
    expect(read(['traceparent', 'a', 'traceparent', 'b', 'tracestate', 'c', 'tracestate', 'd', 'via', '1.0 e', 'Via', '1.1 f'])).toMatchObject({
      traceparent: '',
      tracestate: 'c,d',
      via: '1.0 e, 1.1 f',
    })
  })

  test('remembers spellings without end neither in memory nor in what they mean', () => {
    const reader = requestHeadReader(tracing)
    for (let i = 0; i < 5000; i += 1) reader([`X-Name-${i}`, '1'], undefined)
    expect(reader(['X-New', '1', 'X_New', '2', 'Forwarded', '3', 'HOST', 'a'], undefined)).toMatchObject({
      forward: ['host', '', 'x-new', '1'],
      hosts: 1,
    })
  })

  test.each(['__proto__', 'constructor', 'toString'])('takes %s for a name like any other', (name) => {
    expect(read([name, '1']).forward).toEqual(name.includes('_') ? ['host', ''] : ['host', '', name.toLowerCase(), '1'])
  })
})
