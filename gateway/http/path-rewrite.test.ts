import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pathPattern } from '../../config/values/path.ts'
import type { RouteMatch } from '../../config/model.ts'
import { pathRewrite, pathTemplate } from './path-rewrite.ts'

const matchOf = (path: string): RouteMatch => {
  const pattern = pathPattern(path)
  if (!pattern.ok) throw new Error(pattern.message)
  return { path, ...pattern.value, methods: [], hosts: [], headers: [], query: [] }
}

test('without a rewrite there is nothing to do', () => {
  expect(pathRewrite(undefined, matchOf('/a'))).toBeUndefined()
})

describe('strip_prefix', () => {
  test.each([
    ['/api', '/api/users', '/users'],
    ['/api', '/api', '/'],
    ['/api', '/api/', '/'],
    ['/api/', '/api/users', '/users'],
    ['/api', '/apiary', '/apiary'],
    ['/api', '/v1/api', '/v1/api'],
    ['/a/b', '/a/b/c/', '/c/'],
    ['/', '/a', '/a'],
    ['/api', '/api/api/x', '/api/x'],
  ])('%s makes %s to %s', (stripPrefix, path, result) => {
    expect(pathRewrite({ stripPrefix }, matchOf('/*'))?.(path)).toBe(result)
  })

  test('takes off whole segments only, so that the result is a path', () => {
    const segments = fc.array(fc.constantFrom('api', 'a', 'apiary', 'b.c'), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(segments, segments, (prefix, rest) => {
        const strip = pathRewrite({ stripPrefix: `/${prefix.join('/')}` }, matchOf('/*'))
        expect(strip?.(`/${[...prefix, ...rest].join('/')}`)).toBe(`/${rest.join('/')}`)
      }),
    )
  })
})

describe('a template', () => {
  test.each([
    ['/users/{id}', '/v2/people/{id}', '/users/42', '/v2/people/42'],
    ['/users/{id}/orders/{order}', '/{order}/of/{id}', '/users/1/orders/2', '/2/of/1'],
    ['/api/*', '/v2{rest}', '/api/a/b', '/v2/a/b'],
    ['/api/*', '/v2/{rest}', '/api/a/b', '/v2/a/b'],
    ['/api/*', '/v2{rest}', '/api', '/v2'],
    ['/api/*', '/v2/{rest}', '/api/', '/v2/'],
    ['/api/*', '/v2{rest}/end', '/api/a/', '/v2/a/end'],
    ['/{a}/*', '/x/{a}{rest}', '/1/2', '/x/1/2'],
    ['/users/{id}', '/fixed', '/users/1', '/fixed'],
    ['/users/{id}', '/x-{id}.json', '/users/a%20b', '/x-a%20b.json'],
    ['/{__proto__}', '/{__proto__}', '/a', '/a'],
  ])('of a rule for %s, %s, sends %s to %s', (rule, template, path, result) => {
    expect(pathTemplate(template, matchOf(rule))(path)).toBe(result)
  })
})
