import { describe, expect, test } from 'vitest'
import { responseHeaders, responseTrailers } from './response-headers.ts'

describe('headers of an answer', () => {
  test('go on in their order, repeated ones one by one', () => {
    expect(responseHeaders({ server: 'x', 'set-cookie': ['a', 'b'], 'content-length': '3' })).toEqual([
      'server',
      'x',
      'set-cookie',
      'a',
      'set-cookie',
      'b',
      'content-length',
      '3',
    ])
  })

  test('that belong to the connection end here, and so do those that it nominates', () => {
    const hop = {
      'keep-alive': 'timeout=5',
      te: 'x',
      trailer: 'x',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      'proxy-authenticate': 'x',
      'proxy-connection': 'x',
    }
    expect(responseHeaders({ connection: 'close, X-Secret ,  x-two', 'x-secret': '1', 'x-two': '2', 'x-three': '3', ...hop })).toEqual([
      'x-three',
      '3',
    ])
  })

  test('keep their length when an upstream nominates it', () => {
    expect(responseHeaders({ connection: 'content-length', 'content-length': '3' })).toEqual(['content-length', '3'])
  })

  test('may have names that objects have too', () => {
    const headers = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>
    expect(responseHeaders(headers)).toEqual(['__proto__', 'x', 'constructor', 'y'])
  })
})

describe('trailers of an answer', () => {
  test('go on when they only describe the body', () => {
    expect(responseTrailers({ 'grpc-status': '0', 'x-sum': ['1', '2'] })).toEqual([
      ['grpc-status', '0'],
      ['x-sum', '1'],
      ['x-sum', '2'],
    ])
  })

  test.each([
    'Content-Length',
    'transfer-encoding',
    'Host',
    'authorization',
    'Set-Cookie',
    'Location',
    'Cache-Control',
    'Content-Type',
    'Content-Encoding',
    'Trailer',
    'Connection',
    'WWW-Authenticate',
  ])('named %s are dropped, because they would change what has been said', (name) => {
    expect(responseTrailers({ [name]: 'x' })).toBeUndefined()
  })

  test('are none where none came', () => {
    expect(responseTrailers(undefined)).toBeUndefined()
    expect(responseTrailers({})).toBeUndefined()
  })
})
