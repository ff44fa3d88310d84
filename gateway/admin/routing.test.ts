import { describe, expect, test } from 'vitest'
import type { Endpoint } from './endpoint.ts'
import { text } from './respond.ts'
import { route } from './routing.ts'

const endpoint = (method: Endpoint['method'], path: string): Endpoint => ({ method, path, summary: 'x', answer: async () => text('') })
const offered = [endpoint('GET', '/livez'), endpoint('GET', '/q/{queue}/{id}'), endpoint('POST', '/q/{queue}/drop')]

const parametersOf = (method: string, path: string): object | undefined => {
  const found = route(offered, method, path)
  return 'status' in found ? undefined : found.parameters
}
const statusOf = (method: string, path: string): number | undefined => {
  const found = route(offered, method, path)
  return 'status' in found ? found.status : undefined
}

describe('a parameter', () => {
  test.each([
    ['/q/payment.process/42', { queue: 'payment.process', id: '42' }],
    ['/q/a%2Fb/%E2%88%9E', { queue: 'a/b', id: '∞' }],
    ['/q/../..', { queue: '..', id: '..' }],
    ['/q/__proto__/constructor', { queue: '__proto__', id: 'constructor' }],
    ['/q/%00/%25', { queue: '\u0000', id: '%' }],
    // A dead letter may have the name of an action.
    ['/q/a/drop', { queue: 'a', id: 'drop' }],
  ])('is one decoded segment: %s', (path, parameters) => {
    expect(parametersOf('GET', path)).toEqual(parameters)
  })

  test.each(['/q//42', '/q/a/', '/q/a', '/q/a/b/c', '/Q/a/b', '/%71/a/b'])('is never empty and never more than a segment: %s', (path) => {
    expect(statusOf('GET', path)).toBe(404)
  })

  test.each(['/q/%/a', '/q/%zz/a', '/q/%ff/a', '/q/a/%e2%88'])('that is no percent-encoding is a bad request: %s', (path) => {
    expect(statusOf('GET', path)).toBe(400)
  })
})

test('a path of two endpoints allows the methods of both', () => {
  expect(route(offered, 'DELETE', '/q/a/drop')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, POST' } })
  expect(route(offered, 'POST', '/q/a/other')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
})
