import { expect, test } from 'vitest'
import type { Diagnostic } from '../diagnostic.ts'
import { renderGithub } from './github.ts'
import { renderJson } from './json.ts'
import { renderSarif } from './sarif.ts'
import { renderText } from './text.ts'

const source = `routing_rules:
  - path: /users
    service: users
    circuit_breaker:
      treshold: 50%
`

const misspelt: Diagnostic = {
  code: 'HG1003',
  severity: 'error',
  title: 'unknown key',
  message: '`treshold` is not a key of routing_rules[0].circuit_breaker.',
  hint: 'Did you mean `threshold`?',
  notes: ['allowed here: threshold, timeout, window, volume'],
  location: { file: 'gateway.yaml', line: 5, column: 7, endLine: 5, endColumn: 15 },
}

const warning: Diagnostic = {
  code: 'HG4002',
  severity: 'warning',
  title: 'unused service',
  message: '100% sure,\nof: it',
  location: { file: 'a b,c:d.yaml', line: 1, column: 1, endLine: 2, endColumn: 3 },
  related: [{ message: 'first here', location: { file: 'gateway.yaml', line: 1, column: 1, endLine: 1, endColumn: 2 } }],
}

test('the text shows the place, up to two lines before it, a mark with the message, and facts below', () => {
  expect(renderText([misspelt], new Map([['gateway.yaml', source]]))).toBe(`gateway.yaml:5:7 error HG1003 unknown key
  3 |     service: users
  4 |     circuit_breaker:
  5 |       treshold: 50%
    |       ^^^^^^^^ \`treshold\` is not a key of routing_rules[0].circuit_breaker. Did you mean \`threshold\`?
  allowed here: threshold, timeout, window, volume

1 error in gateway.yaml
`)
})

test('the text does without a frame where the file is not known, and counts files', () => {
  expect(renderText([warning, misspelt], new Map())).toBe(`a b,c:d.yaml:1:1 warning HG4002 unused service
  100% sure,
of: it
  first here: gateway.yaml:1:1

gateway.yaml:5:7 error HG1003 unknown key
  \`treshold\` is not a key of routing_rules[0].circuit_breaker. Did you mean \`threshold\`?
  allowed here: threshold, timeout, window, volume

1 error, 1 warning in 2 files
`)
  expect(renderText([], new Map())).toBe('')
})

test('colours come from the caller', () => {
  const text = renderText([misspelt], new Map([['gateway.yaml', source]]), (name, part) => `<${name}>${part}</${name}>`)
  expect(text).toContain('<bold>gateway.yaml:5:7</bold> <red>error HG1003</red> <bold>unknown key</bold>')
  expect(text).toContain('<red>^^^^^^^^ `treshold`')
})

test('a mark stays under its text behind wide characters, tabs and marks that take no room', () => {
  const line = '\t日本e\u0301: x'
  const at = (column: number): Diagnostic => ({
    ...misspelt,
    message: 'here',
    hint: 'it is.',
    notes: [],
    location: { file: 'f', line: 1, column, endLine: 1, endColumn: column + 1 },
  })
  expect(
    renderText([at(line.indexOf('x') + 1)], new Map([['f', line]]))
      .split('\n')
      .slice(1, 3),
  ).toEqual(['  1 |     日本é: x'.replace('é', 'e\u0301'), '    |            ^ here it is.'])
})

test('control characters of a file never reach the terminal', () => {
  const text = renderText(
    [{ ...misspelt, location: { file: 'f', line: 1, column: 1, endLine: 1, endColumn: 2 } }],
    new Map([['f', '\u001b[31mred\u202e']]),
  )
  expect(text).not.toMatch(/[\u001b\u202e]/)
  expect(text).toContain('\\u{1b}[31mred\\u{202e}')
})

test('GitHub gets one escaped line for each finding', () => {
  expect(renderGithub([misspelt, warning])).toBe(
    '::error file=gateway.yaml,line=5,endLine=5,col=7,endColumn=15,title=HG1003 unknown key::`treshold` is not a key of routing_rules[0].circuit_breaker. Did you mean `threshold`?%0Aallowed here: threshold, timeout, window, volume\n' +
      '::warning file=a b%2Cc%3Ad.yaml,line=1,endLine=2,title=HG4002 unused service::100%25 sure,%0Aof: it\n',
  )
})

test('JSON holds the counts and the findings as they are', () => {
  expect(JSON.parse(renderJson([misspelt, warning]))).toEqual({ errors: 1, warnings: 1, diagnostics: [misspelt, warning] })
})

test('SARIF names a rule for every code and points at UTF-16 columns', () => {
  const { version, runs } = JSON.parse(renderSarif([misspelt, warning])) as {
    version: string
    runs: { columnKind: string; tool: { driver: { rules: { id: string; fullDescription: { text: string } }[] } }; results: unknown[] }[]
  }
  expect(version).toBe('2.1.0')
  expect(runs[0]?.columnKind).toBe('utf16CodeUnits')
  expect(runs[0]?.tool.driver.rules.map(({ id }) => id)).toEqual(['HG1003', 'HG4002'])
  expect(runs[0]?.results[0]).toMatchObject({
    ruleId: 'HG1003',
    ruleIndex: 0,
    level: 'error',
    locations: [
      { physicalLocation: { artifactLocation: { uri: 'gateway.yaml' }, region: { startLine: 5, startColumn: 7, endLine: 5, endColumn: 15 } } },
    ],
  })
  expect(runs[0]?.results[1]).toMatchObject({
    level: 'warning',
    relatedLocations: [{ id: 0 }],
    locations: [{ physicalLocation: { artifactLocation: { uri: 'a%20b%2Cc%3Ad.yaml' } } }],
  })
})
