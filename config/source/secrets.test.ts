import { expect, test } from 'vitest'
import { renderText } from '../diagnostics/render/text.ts'
import { Findings } from '../diagnostics/findings.ts'
import { pipeline } from '../pipeline.ts'
import { maskedText } from './secrets.ts'
import { SourceFile } from './source-file.ts'

const secret = 'hunter2-s3cret'

/** Everything that a person could see of a configuration: findings with their frames, and the printed configuration. */
const shown = (text: string, env: Readonly<Record<string, string>> = {}): string => {
  const findings = new Findings()
  const { diagnostics, effective } = pipeline({
    layers: [{ files: [new SourceFile('gateway.yaml', text, '/srv')] }],
    env,
    overrides: {},
    cwd: '/srv',
    readFile: () => '',
    findings,
  })
  return `${renderText(diagnostics, new Map([['gateway.yaml', maskedText(text)]]))}${JSON.stringify(diagnostics)}${JSON.stringify(effective?.value ?? null)}`
}

const used = 'queues: { q: {} }\nrouting_rules: [{ path: /q, methods: [POST], queue: q }]\n'

test.each([
  ['in flow style', `brokers: { default: { type: rabbitmq, urls: ["amqp://h"], username: u, password: ${secret}, oops: 1 } }`],
  ['in block style', `brokers:\n  default:\n    type: rabbitmq\n    password: ${secret}\n    oops: 1`],
  ['in quotes', `brokers:\n  default:\n    type: rabbitmq\n    "password": '${secret}'\n    oops: 1`],
  ['over several lines', `brokers:\n  default:\n    type: rabbitmq\n    password: |\n      ${secret}\n    oops: 1`],
  ['on the next line', `brokers:\n  default:\n    type: rabbitmq\n    password:\n      ${secret}\n    oops: 1`],
  ['as something else than a text', `brokers:\n  default:\n    type: rabbitmq\n    password: [${secret}]`],
  ['where the file is not YAML', `brokers:\n  default:\n    password: ${secret}\n   oops: "`],
  ['where its quote does not end', `brokers:\n  default:\n    password: "${secret}\n    oops: 1`],
  ['in a URL', `brokers: { default: { type: rabbitmq, urls: ["amqp://u:${secret}@h", "amqp://u:${secret}@h/a/b"], oops: 1 } }`],
  ['in a URL with a slash in it', `brokers: { default: { type: rabbitmq, urls: ["amqp://u:a/${secret}@h"] } }`],
  ['in a URL without its scheme', `brokers: { default: { type: rabbitmq, urls: ["u:${secret}@h"] } }`],
  ['in the URL of a service', `services: { a: { urls: ["http://u:${secret}@h"] } }`],
  ['behind an alias', `x-p: &p ${secret}\nbrokers: { default: { type: rabbitmq, urls: ["amqp://h"], username: u, password: *p, oops: 1 } }`],
])('a password %s is in no finding and no code frame', (_name, text) => {
  const all = shown(`${text}\n${used}`)
  expect(all).toMatch(/HG\d{4}/)
  expect(all).not.toContain(secret)
})

test.each([
  ['a password', `password: ${secret}`, '"password":"***"'],
  ['a default', `password: "\${env:P:-${secret}}"`, '"password":"${env:P:-***}"'],
  ['what stands beside a reference', `password: "${secret}\${env:Q}"`, '"password":"***${env:Q}"'],
  ['what is behind a reference', 'password: "${env:Q}"', '"password":"${env:Q}"'],
])('the printed configuration leaves out %s', (_name, line, expected) => {
  const all = shown(`brokers: { default: { type: rabbitmq, urls: ["amqp://h"], username: u, ${line} } }\n${used}`, { Q: secret })
  expect(all).toContain(expected)
  expect(all).not.toContain(secret)
})

test('the printed configuration leaves out credentials of URLs, and a secret also where it was taken from', () => {
  expect(shown(`brokers: { default: { type: rabbitmq, urls: ["amqp://u:${secret}@h:5672"] } }\n${used}`)).toContain('"urls":["amqp://***@h:5672"]')
  const anchored = shown(`x-p: &p ${secret}\nbrokers: { default: { type: rabbitmq, urls: ["amqp://h"], username: u, password: *p } }\n${used}`)
  expect(anchored).toContain('"x-p":"***"')
  expect(anchored).not.toContain(secret)
})

test('a masked secret is three stars, and what stands behind it keeps its place and its mark', () => {
  const text = `brokers: { default: { type: rabbitmq, urls: ["amqp://h"], username: u, password: ${secret}, oops: 1 } }\n${used}`
  const lines = shown(text).split('\n')
  const frame = lines.findIndex((line) => line.includes('password: ***, oops'))
  expect(lines[frame]?.indexOf('oops')).toBe(lines[frame + 1]?.indexOf('^^^^'))
})

test('a text without secrets stays as it is', () => {
  expect(maskedText(used)).toBe(used)
})
