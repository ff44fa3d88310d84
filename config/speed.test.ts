import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { Findings } from './diagnostics/findings.ts'
import { pipeline } from './pipeline.ts'
import { SourceFile } from './source/source-file.ts'

const rules = 2000
const rule = (index: number): string => `  - path: /api/r${index}/*
    service: service-${index % 50}
    timeout: 5s
    retries: 2
    circuit_breaker:
      threshold: 50%
      timeout: 30s
`
const service = (index: number): string => `  service-${index}: { urls: ["http://127.0.0.1:${9000 + index}"] }\n`
const text = `routing_rules:\n${Array.from({ length: rules }, (_, index) => rule(index)).join('')}services:\n${Array.from({ length: 50 }, (_, index) => service(index)).join('')}`

const cpuMs = (action: () => void): number => {
  const before = process.cpuUsage()
  action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

test('text to configuration costs at most twice what the YAML library needs to parse it', () => {
  const whole = (): void => {
    const { config } = pipeline({
      layers: [{ files: [new SourceFile('f', text, '/')] }],
      env: {},
      overrides: {},
      readFile: () => '',
      findings: new Findings(),
    })
    expect(config?.routes).toHaveLength(rules)
  }
  const rounds = Array.from({ length: 5 }, () => ({ whole: cpuMs(whole), parse: cpuMs(() => void parse(text)) }))
  const ratio = median(rounds.map((round) => round.whole)) / median(rounds.map((round) => round.parse))
  expect(ratio).toBeLessThan(2)
})
