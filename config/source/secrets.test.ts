import { expect, test } from 'vitest'
import { renderText } from '../diagnostics/render/text.ts'
import { Findings } from '../diagnostics/findings.ts'
import { testCatalogue } from '../../test/kit/adapters.ts'
import { parsedTree, pipeline } from '../pipeline.ts'
import { secretPlaces } from './secret-places.ts'
import { maskedText } from './secrets.ts'
import { SourceFile } from './source-file.ts'
import type { Mapping } from './value.ts'

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
    catalogue: testCatalogue,
  })
  const places = secretPlaces(testCatalogue, rootOf(text))
  return `${renderText(diagnostics, new Map([['gateway.yaml', maskedText(text, places)]]))}${JSON.stringify(diagnostics)}${JSON.stringify(effective?.value ?? null)}`
}

/** As the pipeline sees it; undefined where the text cannot be made out. */
const rootOf = (text: string): Mapping | undefined =>
  parsedTree({ layers: [{ files: [new SourceFile('gateway.yaml', text, '/srv')] }], env: {}, overrides: {}, findings: new Findings() })?.root

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
  ['of an integration', `integrations: { p: { plugin: stripe, auth: { type: bearer, token: ${secret} }, oops: 1 } }`],
  ['whose key is misspelt', `integrations: { p: { plugin: stripe, auth: { type: bearer, tokn: ${secret} } } }`],
  ['that is an API key', `integrations: { p: { plugin: stripe, auth: { type: api_key, key: ${secret} }, oops: 1 } }`],
  [
    'of an API key that is merged in',
    `x-a: &a { type: api_key, key: ${secret} }\nintegrations: { p: { plugin: stripe, auth: { <<: *a }, oops: 1 } }`,
  ],
  ['of an API key behind an alias', `x-a: &a { type: api_key, key: ${secret} }\nintegrations: { p: { plugin: stripe, auth: *a, oops: 1 } }`],
  ['of an API key where the file is not YAML', `integrations: { p: { auth: { key: ${secret} }, oops: [ } }`],
  ['in settings', `integrations: { p: { plugin: stripe, settings: { webhook_secret: ${secret} }, oops: 1 } }`],
  ['in settings under a misspelt key', `integrations: { p: { plugin: stripe, settings: { webhook_secrt: ${secret} } } }`],
  ['in settings of an unknown adapter', `integrations: { p: { plugin: strype, settings: { anything: { deep: ${secret} } } } }`],
  ['in settings of an operation', `integrations: { p: { plugin: http, operations: { o: { settings: { path: /, token: ${secret}, oops: 1 } } } } }`],
  ['in settings that cannot be read as a text', `integrations: { p: { plugin: stripe, settings: { webhook_secret: { a: ${secret} } } } }`],
  ['in the URL of an alert', `alerts: { a: { type: webhook, url: "https://h/${secret}", oops: 1 } }`],
  ['in a header of an alert', `alerts: { a: { type: webhook, url: "https://h", headers: { authorization: ${secret} }, oops: 1 } }`],
  ['in the URL of the state', `state: { type: postgresql, url: "nonsense ${secret}" }`],
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

test.each([
  ['a token', `auth: { type: bearer, token: ${secret} }`, '"token":"***"'],
  ['a reference to a secret', 'auth: { type: bearer, token: "${secret:keys#stripe}" }', '"token":"${secret:keys#stripe}"'],
  [
    'what stands beside a reference to a secret',
    `auth: { type: bearer, token: "${secret}\${secret:keys#stripe}" }`,
    '"token":"***${secret:keys#stripe}"',
  ],
  ['a secret setting', `settings: { webhook_secret: ${secret} }`, '"webhook_secret":"***"'],
])('the printed configuration shows no more of %s than that', (_name, line, expected) => {
  const all = shown(`secrets: { keys: { path: /k } }\nintegrations: { p: { plugin: stripe, ${line} } }\n${used}`)
  expect(all).toContain(expected)
  expect(all).not.toContain(secret)
})

test('keys that are secret at one place only are shown at others', () => {
  const text = `services: { a: { urls: ["https://h"], tls: { key_file: a.key } } }\nhealth_checks: { external_apis: [{ url: "https://h/health" }] }\n`
  expect(maskedText(text)).toBe(text)
})

test('aliases of aliases do not keep the mask busy for ever', () => {
  const levels = Array.from(
    { length: 40 },
    (_, level) => `x-${level}: &a${level} { one: ${level === 0 ? secret : `*a${level - 1}`}, two: ${level === 0 ? 1 : `*a${level - 1}`} }`,
  )
  const started = performance.now()
  const masked = maskedText(`${levels.join('\n')}\nintegrations: { p: { auth: { type: bearer, token: *a39 } } }\n`)
  expect(performance.now() - started).toBeLessThan(5000)
  expect(masked).not.toContain(secret)
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
