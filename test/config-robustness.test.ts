import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Findings } from '../config/diagnostics/findings.ts'
import { renderText } from '../config/diagnostics/render/text.ts'
import { pipeline, type PipelineResult } from '../config/pipeline.ts'
import { SourceFile } from '../config/source/source-file.ts'

const run = (...texts: string[]): PipelineResult => {
  const layers = texts.map((text, index) => ({ files: [new SourceFile(`${index}.yaml`, text, '/')] }))
  const readFile = (): string => {
    throw new Error('no files here')
  }
  return pipeline({ layers, env: { A: 'a', N: '3', S: '${env:A}' }, overrides: {}, cwd: '/srv', readFile, findings: new Findings() })
}

/** Whatever goes in: a configuration or an error, every finding in its file, and the same each time. */
const isSound = (...texts: string[]): boolean => {
  const result = run(...texts)
  const hasErrors = result.diagnostics.some(({ severity }) => severity === 'error')
  const inFile = result.diagnostics.every(({ location, message }) => {
    const lines = texts[Number.parseInt(location.file, 10)]?.split('\n') ?? []
    return (
      location.line >= 1 &&
      location.line <= lines.length &&
      location.column >= 1 &&
      location.column <= (lines[location.line - 1]?.length ?? 0) + 1 &&
      message !== ''
    )
  })
  renderText(result.diagnostics, new Map(texts.map((text, index) => [`${index}.yaml`, text])))
  return (result.config === undefined) === hasErrors && inFile && JSON.stringify(run(...texts).diagnostics) === JSON.stringify(result.diagnostics)
}

const example = readFileSync(join(import.meta.dirname, '../examples/integration-design/gateway.yaml'), 'utf8')
const everything = `listeners: { main: { address: "0.0.0.0:8080", trusted_proxies: [10.0.0.0/8] } }
x-base: &base { timeout: 5s, retries: "\${env:N}" }
routing_rules:
  - { <<: *base, path: /a/*, service: a, cors: { origins: ["*"] }, mirror: { service: a, percent: 50% } }
  - path: /b/{id}
    methods: [GET]
    hosts: ["*.example.com"]
    headers: { x-a: "1" }
    query: { q: "*" }
    split: [{ service: a, weight: 1 }, { service: b, weight: 2 }]
    rewrite: /c/{id}
    circuit_breaker: { threshold: 50%, volume: 5 }
    request_headers: { set: { x-b: "\${env:A}" }, remove: [x-c] }
  - { path: /r, redirect: { to: /s, status: 301 } }
  - { path: /s, respond: { json: { a: [1, 2] } } }
services:
  a: { urls: ["http://127.0.0.1:1"], health_check: /health, tls: { verify: false } }
  b: { dns: b.internal, health_check: { path: /h, interval: 5s } }
metrics: [{ name: circuit_breaker_state, type: gauge, labels: [service, state] }]
`

test('the texts that are changed below are good ones', () => {
  expect([example, everything].map((text) => run(text).diagnostics.filter(({ severity }) => severity === 'error'))).toEqual([[], []])
})

test('no text makes the pipeline throw', () => {
  const yamlish = fc
    .array(
      fc.constantFrom(
        'a',
        'routing_rules',
        'services',
        ': ',
        ':',
        '- ',
        '\n',
        '\n  ',
        '\n    ',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '&x ',
        '*x',
        '<<',
        '!t ',
        '|',
        '>',
        '#',
        '---\n',
        '\t',
        '${env:A}',
        '${',
        '~',
        '1',
        ',',
        '? ',
        '%',
        '\u0000',
        '\u2028',
        '日',
        '__proto__',
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), yamlish), (text) => isSound(text)),
    { numRuns: 400 },
  )
})

test('no damage to a good file makes the pipeline throw', () => {
  const damage = fc.tuple(
    fc.constantFrom(example, everything),
    fc.nat(),
    fc.nat(40),
    fc.oneof(
      fc.string({ maxLength: 6, unit: 'binary' }),
      fc.constantFrom(
        '',
        ' ',
        '\n',
        ': ',
        '- ',
        '{',
        '[',
        '"',
        '5',
        'null',
        '*base',
        '${env:X}',
        '~',
        '-1',
        '1e999',
        '.nan',
        '[[]]',
        '{ a: { b: c } }',
      ),
    ),
  )
  fc.assert(
    fc.property(damage, ([text, at, length, put]) => {
      const from = at % text.length
      return isSound(text.slice(0, from) + put + text.slice(from + length))
    }),
    { numRuns: 200 },
  )
})

test('no value at any place makes the pipeline throw, alone or as a layer', () => {
  const leaf = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom('/a', '5s', 'a', '50%', '*', 'http://a', '${env:N}', '${env:NO}'),
  )
  const keys = fc.constantFrom(
    'path',
    'service',
    'services',
    'split',
    'weight',
    'urls',
    'health_check',
    'headers',
    'set',
    'methods',
    'a',
    'b',
    'timeout',
    'retries',
    'respond',
    'json',
    'address',
    'main',
    'internal_services',
  )
  const value = fc.letrec((tie) => ({
    node: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('node'), { maxLength: 3 }), fc.dictionary(keys, tie('node'), { maxKeys: 4 })),
  })).node
  const file = fc
    .dictionary(
      fc.constantFrom('routing_rules', 'services', 'listeners', 'admin', 'metrics', 'health_checks', 'consumers', 'secrets', 'log', 'limits'),
      value,
      { minKeys: 1, maxKeys: 3 },
    )
    .map((root) => JSON.stringify(root))
  fc.assert(
    fc.property(file, (text) => isSound(text) && isSound(everything, text)),
    { numRuns: 200 },
  )
})

test('deep nesting and long flat files are answered quickly, whatever the brackets', () => {
  for (const text of [
    '['.repeat(100_000),
    '{a: '.repeat(50_000),
    '- '.repeat(50_000),
    '? '.repeat(20_000),
    '[a, '.repeat(20_000),
    '&a '.repeat(5000),
    `a: "${'\\n'.repeat(100_000)}"`,
  ]) {
    const startedAt = performance.now()
    expect(isSound(text)).toBe(true)
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  }
})

test('thousands of findings over thousands of names are answered quickly', () => {
  const rules = Array.from({ length: 3000 }, (_, index) => `  - { path: /a${index}, service: svx-${index}, timeout: "\${env:NO_${index}}" }\n`)
  const services = Array.from({ length: 3000 }, (_, index) => `  svc-${index}: { urls: ["http://a"] }\n`)
  const startedAt = performance.now()
  expect(run(`routing_rules:\n${rules.join('')}services:\n${services.join('')}`).diagnostics.length).toBeGreaterThan(6000 - 1)
  expect(performance.now() - startedAt).toBeLessThan(10_000)
})
