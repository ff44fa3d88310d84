import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Findings } from '../config/diagnostics/findings.ts'
import type { GatewayConfig } from '../config/model.ts'
import { pipeline } from '../config/pipeline.ts'
import { SourceFile } from '../config/source/source-file.ts'
import { type MatchInput, routeTable } from '../gateway/http/route-table.ts'

interface Rule {
  readonly path: string
  readonly methods?: readonly string[]
  readonly hosts?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

const check = (rules: readonly Rule[]): { config: GatewayConfig | undefined; codes: string[] } => {
  const text = JSON.stringify({ routing_rules: rules.map((rule) => ({ ...rule, respond: { body: 'x' } })) })
  const readFile = (): string => ''
  const { config, diagnostics } = pipeline({
    layers: [{ files: [new SourceFile('f', text, '/')] }],
    env: {},
    overrides: {},
    cwd: '/srv',
    readFile,
    findings: new Findings(),
  })
  return { config, codes: diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code) }
}

const requests: MatchInput[] = ['/', '/a', '/a/', '/a/b', '/a/c', '/a/b/c', '/c', '/c/b', '/c/d'].flatMap((path) =>
  ['GET', 'HEAD', 'PUT', 'POST'].flatMap((method) =>
    ['x.y.com', 'w.y.com', 'w.com', 'z.org'].flatMap((host) =>
      [{}, { a: '1' }, { a: '2' }, { b: '1' }, { a: '1', b: '1' }, { a: '2', b: '1' }].map((headers) => ({ path, method, host, headers, query: '' })),
    ),
  ),
)

/** For each request the rule that the router picks, as its number in the file, when the rules stand in this order. */
const picks = ({ routes }: GatewayConfig, order: readonly number[]): (number | undefined)[] => {
  const table = routeTable(order.map((index) => [routes[index]?.match ?? never(), index] as const))
  return requests.map((request) => table.find(request))
}

const never = (): never => {
  throw new Error('no such route')
}

const some = <T>(value: T, ...more: T[]): fc.Arbitrary<T[]> => fc.subarray([value, ...more], { minLength: 1 })
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
const rule: fc.Arbitrary<Rule> = fc
  .record({
    path: fc.constantFrom('/', '/*', '/a', '/a/', '/a/*', '/a/{x}', '/a/{y}', '/{x}/b', '/{x}/*', '/a/b', '/a/{x}/c'),
    methods: optional(some('GET', 'HEAD', 'PUT', 'POST')),
    hosts: optional(some('x.y.com', '*.y.com', '*.com', 'z.org')),
    headers: optional(fc.constantFrom({ a: '1' }, { a: '2' }, { a: '*' }, { b: '1' }, { a: '1', b: '1' }, { a: '2', b: '*' })),
  })
  .map((given) => JSON.parse(JSON.stringify(given)) as Rule)

test('rules that pass the check are served the same whatever their order in the file', () => {
  fc.assert(
    fc.property(fc.array(rule, { minLength: 2, maxLength: 6 }), (rules) => {
      const { config } = check(rules)
      fc.pre(config !== undefined)
      const order = rules.map((_, index) => index)
      expect(picks(config, order.toReversed())).toEqual(picks(config, order))
    }),
    { numRuns: 400 },
  )
})

test('two rules are refused only when the order in the file would decide for some request', () => {
  fc.assert(
    fc.property(rule, rule, (one, other) => {
      const { codes } = check([one, other])
      const alone = [one, other].map((each) => check([each]).config)
      const routes = alone.flatMap((config) => config?.routes ?? [])
      const forward = routeTable(routes.map((route, index) => [route.match, index] as const))
      const backward = routeTable(routes.map((route, index) => [route.match, index] as const).toReversed())
      const differs = requests.some((request) => forward.find(request) !== backward.find(request))
      expect(codes.length > 0).toBe(differs)
    }),
    { numRuns: 1000 },
  )
})

test('ten thousand rules that could tie are compared in no more than linear time', () => {
  const many = (count: number): Rule[] => Array.from({ length: count }, (_, index) => ({ path: '/same', headers: { tenant: String(index) } }))
  const time = (count: number): number => {
    const startedAt = performance.now()
    expect(check(many(count)).codes).toEqual([])
    return performance.now() - startedAt
  }
  time(1000)
  expect(time(10_000)).toBeLessThan(40 * Math.max(time(1000), 20))
})
