import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NamedMatch, RouteMatch } from '../../config/model.ts'
import { pathPattern } from '../../config/values/path.ts'
import { pathParams, pathRest, routeTable } from './route-table.ts'
import type { MatchInput } from './route-table.ts'

type Conditions = Partial<Pick<RouteMatch, 'methods' | 'hosts' | 'headers' | 'query'>>

function rule(path: string, conditions: Conditions = {}): RouteMatch {
  const pattern = pathPattern(path)
  if (!pattern.ok) throw new Error(pattern.message)
  return { path, ...pattern.value, methods: [], hosts: [], headers: [], query: [], ...conditions }
}

const input = (path: string, more: Partial<MatchInput> = {}): MatchInput => ({ method: 'GET', host: 'a', path, query: '', headers: {}, ...more })

/** Index of the rule that is found; the path of it for tables of rules that differ in their paths only. */
const table = (...rules: readonly RouteMatch[]) => routeTable(rules.map((match, index) => [match, index] as const))
const found = (paths: readonly string[], path: string): string | undefined => {
  const index = table(...paths.map((one) => rule(one))).find(input(path))
  return index === undefined ? undefined : paths[index]
}

describe('a path finds the most specific rule', () => {
  const paths = [
    '/*',
    '/',
    '/users',
    '/users/',
    '/users/*',
    '/users/{id}',
    '/users/me',
    '/users/{id}/orders',
    '/users/{id}/orders/*',
    '/users/me/*',
    '/users/{id}/',
  ]

  test.each([
    ['/', '/'],
    ['/x', '/*'],
    ['/x/y/z', '/*'],
    ['/users', '/users'],
    ['/users/', '/users/'],
    ['/users/me', '/users/me'],
    ['/users/42', '/users/{id}'],
    ['/users/42/', '/users/{id}/'],
    ['/users/me/', '/users/me/*'],
    ['/users/me/orders', '/users/me/*'],
    ['/users/42/orders', '/users/{id}/orders'],
    ['/users/42/orders/', '/users/{id}/orders/*'],
    ['/users/42/orders/7/x', '/users/{id}/orders/*'],
    ['/users/42/other', '/users/*'],
    ['/usersx', '/*'],
  ])('%s is %s, whatever the order of the rules', (path, expected) => {
    expect(found(paths, path)).toBe(expected)
    expect(found([...paths].reverse(), path)).toBe(expected)
  })

  test.each([
    [['/'], '/x', undefined],
    [['/x'], '/', undefined],
    [['/*'], '/', '/*'],
    [['/users'], '/users/', undefined],
    [['/users/'], '/users', undefined],
    [['/users/*'], '/users', '/users/*'],
    [['/users/*'], '/users/', '/users/*'],
    [['/users/*'], '/usersx', undefined],
    [['/{a}'], '/', undefined],
    [['/{a}/{b}'], '/x/', undefined],
    [['/{a}'], '/x/y', undefined],
    [['/a'], '/A', undefined],
    [['/a%20b'], '/a%20b', '/a%20b'],
    [['/__proto__'], '/__proto__', '/__proto__'],
    [['/{a}'], '/constructor', '/{a}'],
  ])('of %j, %s is %s', (rules, path, expected) => {
    expect(found(rules, path)).toBe(expected)
  })

  test('falls back to a less specific rule where the conditions of the better one do not hold', () => {
    const rules = table(rule('/users/me', { methods: ['POST'] }), rule('/users/{id}', { hosts: ['b'] }), rule('/users/*'))
    expect(rules.find(input('/users/me'))).toBe(2)
    expect(rules.find(input('/users/me', { method: 'POST' }))).toBe(0)
    expect(rules.find(input('/users/me', { host: 'b' }))).toBe(1)
  })
})

describe('of rules for one path', () => {
  test('an exact host goes before a longer suffix, that before a shorter one, and that before none', () => {
    const rules = table(
      rule('/x'),
      rule('/x', { hosts: ['*.example.com'] }),
      rule('/x', { hosts: ['*.api.example.com'] }),
      rule('/x', { hosts: ['v1.api.example.com'] }),
    )
    const at = (host: string): number | undefined => rules.find(input('/x', { host }))
    expect([at('v1.api.example.com'), at('v2.api.example.com'), at('www.example.com'), at('example.com'), at('')]).toEqual([3, 2, 1, 0, 0])
  })

  test.each([
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'a.b.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', '.example.com', false],
    ['*.example.com', 'badexample.com', false],
    ['*.example.com', 'a.example.com.evil', false],
    ['example.com', 'a.example.com', false],
  ])('%s takes %s: %s', (pattern, host, expected) => {
    expect(table(rule('/x', { hosts: [pattern] })).find(input('/x', { host })) === 0).toBe(expected)
  })

  test('methods, then more headers, then more query parameters decide', () => {
    const header: NamedMatch = { name: 'x-a' }
    const rules = table(rule('/x', { query: [{ name: 'q' }] }), rule('/x', { headers: [header] }), rule('/x', { methods: ['GET'] }), rule('/x'))
    const all = { query: '?q=1', headers: { 'x-a': '1' } }
    expect(rules.find(input('/x', all))).toBe(2)
    expect(rules.find(input('/x', { ...all, method: 'PUT' }))).toBe(1)
    expect(rules.find(input('/x', { query: '?q=1', method: 'PUT' }))).toBe(0)
    expect(rules.find(input('/x', { method: 'PUT' }))).toBe(3)
  })

  test('a header with a value has to have it, one without only to be there', () => {
    const rules = table(
      rule('/x', { headers: [{ name: 'x-a', value: '1' }] }),
      rule('/y', { headers: [{ name: 'x-a' }] }),
      rule('/z', { headers: [{ name: 'constructor' }] }),
    )
    expect(rules.find(input('/x', { headers: { 'x-a': '1' } }))).toBe(0)
    expect(rules.find(input('/x', { headers: { 'x-a': '1, 1' } }))).toBeUndefined()
    expect(rules.find(input('/x'))).toBeUndefined()
    expect(rules.find(input('/y', { headers: { 'x-a': '' } }))).toBe(1)
    expect(rules.find(input('/z'))).toBeUndefined()
  })

  test('a query parameter is read as forms write it, and the first of several values counts', () => {
    const rules = table(rule('/x', { query: [{ name: 'a b', value: 'c+d' }] }))
    expect(rules.find(input('/x', { query: '?a+b=c%2Bd' }))).toBe(0)
    expect(rules.find(input('/x', { query: '?a%20b=c%2bd&a%20b=x' }))).toBe(0)
    expect(rules.find(input('/x', { query: '?a+b=c+d' }))).toBeUndefined()
    expect(rules.find(input('/x', { query: '?' }))).toBeUndefined()
  })
})

describe('the methods of a path', () => {
  test('are those of all rules that would take it', () => {
    const rules = table(
      rule('/x', { methods: ['GET', 'HEAD'] }),
      rule('/x', { methods: ['PUT'] }),
      rule('/x', { methods: ['DELETE'], hosts: ['b'] }),
      rule('/*', { methods: ['POST'] }),
    )
    expect(rules.allowed(input('/x', { method: 'PATCH' }))).toEqual(['GET', 'HEAD', 'POST', 'PUT'])
    expect(rules.allowed(input('/x', { method: 'PATCH', host: 'b' }))).toEqual(['DELETE', 'GET', 'HEAD', 'POST', 'PUT'])
  })

  test('are none where the path is unknown', () => {
    expect(table(rule('/x', { methods: ['GET'] })).allowed(input('/y'))).toEqual([])
  })

  test('of the root are found too', () => {
    expect(table(rule('/', { methods: ['GET'] })).allowed(input('/', { method: 'PUT' }))).toEqual(['GET'])
  })
})

describe('compared with a matcher that tries every rule and sorts those that match', () => {
  const name = fc.constantFrom('a', 'b', 'c')
  const segment = fc.oneof({ weight: 3, arbitrary: name }, fc.constant('{p}'))
  const path = fc.tuple(fc.array(segment, { maxLength: 4 }), fc.constantFrom('', '/', '/*')).map(([segments, end]) => {
    const text = segments.map((one, index) => `/${one === '{p}' ? `{p${index}}` : one}`).join('') + end
    return text === '' ? '/' : text
  })
  const named = fc
    .array(fc.record({ name: name, value: fc.constantFrom('1', undefined) }), { maxLength: 2 })
    .map((list) => list.map(({ name: one, value }) => (value === undefined ? { name: one } : { name: one, value })))
  const anyRule = fc
    .record({
      path,
      methods: fc.subarray(['GET', 'POST'], { maxLength: 1 }),
      hosts: fc.subarray(['x.y.z', '*.y.z', '*.z'], { maxLength: 2 }),
      headers: named,
      query: named,
    })
    .map(({ path: text, ...conditions }) => rule(text, conditions))
  const anyInput = fc.record({
    path: fc
      .tuple(fc.array(name, { maxLength: 5 }), fc.constantFrom('', '/'))
      .map(([segments, end]) => (segments.length === 0 ? '/' : `/${segments.join('/')}${end}`)),
    method: fc.constantFrom('GET', 'POST', 'PUT'),
    host: fc.constantFrom('', 'z', 'x.y.z', 'w.y.z', 'y.z'),
    query: fc.constantFrom('', '?a=1', '?b=2&a=1', '?c'),
    headers: fc.constantFrom({}, { a: '1' }, { a: '2', b: '1' }),
  })

  /** One digit per segment and one for the end: literal before parameter before `/*`, compared from the left. */
  function pathKey(match: RouteMatch, request: string): string | undefined {
    const parts = request === '/' ? [] : request.slice(1).split('/')
    let key = ''
    for (const [index, part] of match.segments.entries()) {
      const actual = parts[index]
      if (actual === undefined || actual === '') return undefined
      if ('literal' in part && part.literal !== actual) return undefined
      key += 'literal' in part ? '3' : '2'
    }
    const rest = parts.slice(match.segments.length)
    if (match.prefix) return `${key}1`
    if (match.trailingSlash) return rest.length === 1 && rest[0] === '' ? `${key}3` : undefined
    return rest.length === 0 ? `${key}4` : undefined
  }

  function hostKey(match: RouteMatch, host: string): number | undefined {
    if (match.hosts.length === 0) return 0
    const ranks = match.hosts
      .filter((one) => one === host || (one.startsWith('*.') && host.endsWith(one.slice(1)) && host.length > one.length - 1))
      .map((one) => (one.startsWith('*.') ? one.length : 1000))
    return ranks.length === 0 ? undefined : Math.max(...ranks)
  }

  const holds = (wanted: readonly NamedMatch[], valuesOf: (name: string) => readonly string[]): boolean =>
    wanted.every(({ name: one, value }) => (value === undefined ? valuesOf(one).length > 0 : valuesOf(one).includes(value)))

  /** What the documented preference says of a rule, biggest first; undefined where the rule does not match. */
  function rank(match: RouteMatch, request: MatchInput): readonly (string | number)[] | undefined {
    const byPath = pathKey(match, request.path)
    const byHost = hostKey(match, request.host)
    if (byPath === undefined || byHost === undefined) return undefined
    if (match.methods.length > 0 && !match.methods.includes(request.method)) return undefined
    const query = new URLSearchParams(request.query)
    if (!holds(match.query, (one) => query.getAll(one))) return undefined
    if (!holds(match.headers, (one) => [request.headers[one] ?? []].flat())) return undefined
    return [byPath, byHost, match.methods.length > 0 ? 1 : 0, match.headers.length, match.query.length]
  }

  const compare = (a: readonly (string | number)[], b: readonly (string | number)[]): number => {
    for (const [index, value] of a.entries()) {
      const other = b[index] as string | number
      if (value !== other) return value > other ? -1 : 1
    }
    return 0
  }

  test('the table finds a rule of the same rank', () => {
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 12 }), anyInput, (rules, request) => {
        const ranks = rules.map((match) => rank(match, request))
        const best = ranks.filter((one) => one !== undefined).sort(compare)[0]
        const index = routeTable(rules.map((match, at) => [match, at] as const)).find(request)
        expect(index === undefined ? undefined : ranks[index]).toEqual(best)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('time', () => {
  const msFor = (work: () => void): number => {
    const startedAt = performance.now()
    work()
    return performance.now() - startedAt
  }

  test.each(['a', 'a/', '/', '%41', '(', '{p}/'])('of a look-up grows with the length of the path alone: 50 KiB of `%s`', (unit) => {
    const rules = table(rule('/*', { methods: ['PUT'] }), rule('/{a}/{b}'), rule('/{a}/{b}/*'), rule('/a/{b}/{c}/{d}'), rule('/x/{a}'))
    const path = `/${unit.repeat(51_200 / unit.length)}`
    rules.find(input(path))
    expect(msFor(() => rules.find(input(path)))).toBeLessThan(5)
    expect(msFor(() => rules.allowed(input(path)))).toBeLessThan(5)
  })

  test('of a look-up is bounded by the size of the rules, however they overlap', () => {
    // Every mixture of literal and parameter over 11 segments, none of which takes the method asked for.
    const paths = Array.from({ length: 2048 }, (_, bits) => Array.from({ length: 11 }, (__, at) => ((bits >> at) & 1 ? '/a' : `/{p${at}}`)).join(''))
    const rules = table(...paths.map((path) => rule(path, { methods: ['PUT'] })))
    const path = '/a'.repeat(11)
    rules.find(input(path))
    expect(msFor(() => expect(rules.find(input(path))).toBeUndefined())).toBeLessThan(50)
    expect(rules.find(input(path, { method: 'PUT' }))).toBe(2047)
  })

  test('of a look-up among 10,000 rules is that of one access per segment', () => {
    const rules = table(...Array.from({ length: 10_000 }, (_, index) => rule(`/service-${index}/items/{id}/*`)))
    for (let i = 0; i < 1000; i += 1) rules.find(input(`/service-${i}/items/1/x`))
    expect(
      msFor(() => {
        for (let i = 0; i < 1000; i += 1) rules.find(input(`/service-${i * 7}/items/1/x`))
      }),
    ).toBeLessThan(50)
  })
})

test('parameters and the rest are cut out of the path as they stand there', () => {
  const match = rule('/users/{id}/{__proto__}/*')
  expect({ ...pathParams(match, '/users/4%202/x/y/z') }).toEqual(
    Object.defineProperty({ id: '4%202' }, '__proto__', { value: 'x', enumerable: true }),
  )
  expect(pathRest(match, '/users/1/2/y/z')).toBe('/y/z')
  expect(pathRest(match, '/users/1/2')).toBe('')
  expect(pathRest(rule('/*'), '/a/b')).toBe('/a/b')
})
