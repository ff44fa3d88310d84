import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { headgate, start } from '../test/support/headgate.ts'
import type { Outcome } from '../test/support/headgate.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))

const good = `routing_rules:
  - path: /api/users/*
    service: users
    timeout: 5s
    retries: 2
    circuit_breaker: { threshold: 50%, timeout: 30s }
  - path: /api/orders/{id}
    service: orders
    methods: [POST]
    strip_prefix: /api
    deadline: 8s
    timeout: 5s
    retries: 1
    idempotency_key: Idempotency-Key
  - path: /old/*
    redirect: { to: "/new{rest}" }
services:
  users: { urls: ["http://127.0.0.1:9101", "http://127.0.0.1:9103"], health_check: /health }
  orders: { urls: ["http://127.0.0.1:9102"] }
`

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-commands-'))
  await writeFile(join(folder, 'gateway.yaml'), good)
  await writeFile(join(folder, 'wrong.yaml'), good.replace('timeout: 5s', 'timeout: 5sec'))
  await writeFile(join(folder, 'warned.yaml'), `${good}  unused: { urls: ["http://127.0.0.1:9104"] }\n`)
  await writeFile(join(folder, 'production.yaml'), 'services: { users: { urls: ["http://users.internal"] } }\n')
})

afterAll(() => rm(folder, { recursive: true }))

const run = (...args: string[]): Promise<Outcome> => headgate(args, { cwd: folder })

describe('usage', () => {
  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
    expect(await run('--version')).toMatchObject({ exitCode: 0, out: `${version}\n`, err: '' })
  })

  test('--help shows commands, examples and exit codes', async () => {
    const { exitCode, out } = await run('--help')
    expect(exitCode).toBe(0)
    for (const text of ['run [options]', 'validate', 'explain', 'config', 'schema', 'dlq', '$ headgate run', 'Exit codes: 0 fine'])
      expect(out).toContain(text)
  })

  test('the help of a command has examples too', async () => {
    expect((await run('run', '--help')).out).toContain('$ headgate run -c base.yaml -c production.yaml --workers 4')
  })

  test('no command at all is wrong usage', async () => {
    expect(await run()).toMatchObject({ exitCode: 2, out: '' })
  })

  test.each([
    [['runn'], "error: unknown command 'runn'\n(Did you mean run?)\nRun `headgate --help` for the commands and their options.\n"],
    [['run', '--lisen', 'x'], "error: unknown option '--lisen'\n(Did you mean --listen?)\nRun `headgate run --help` for its options.\n"],
    [
      ['validate', '--format', 'xml'],
      "error: option '--format <format>' argument 'xml' is invalid. Allowed choices are text, json, sarif, github.\n",
    ],
    [['run', '--workers', '0'], "error: option '--workers <n>' argument '0' is invalid. Write a whole number from 1 to 256.\n"],
    [['explain', 'GET'], "error: missing required argument 'target'\n"],
  ])('%j is wrong usage, with what was meant', async (args, message) => {
    const { exitCode, out, err } = await run(...args)
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' })
    expect(err.startsWith(message)).toBe(true)
  })
})

describe('validate', () => {
  test('a good configuration is one line', async () => {
    expect(await run('validate')).toMatchObject({ exitCode: 0, out: 'gateway.yaml: fine (3 routes, 2 services)\n', err: '' })
  })

  test('findings stand on standard output, and the exit code is 1', async () => {
    const { exitCode, out, err } = await run('validate', 'wrong.yaml')
    expect({ exitCode, err }).toEqual({ exitCode: 1, err: '' })
    expect(out).toContain('wrong.yaml:4:14 error HG2001')
    expect(out).toContain('    |              ^^^^ `5sec` is not a duration. Write `5s`.\n')
    expect(out.endsWith('1 error in wrong.yaml\n')).toBe(true)
  })

  test('warnings are shown and pass; with --strict they fail', async () => {
    const lenient = await run('validate', 'warned.yaml')
    expect(lenient.exitCode).toBe(0)
    expect(lenient.out).toContain('warning')
    expect(lenient.out.endsWith('warned.yaml: fine (3 routes, 3 services)\n')).toBe(true)
    const strict = await run('validate', '--strict', 'warned.yaml')
    expect(strict.exitCode).toBe(1)
    expect(strict.out).not.toContain('fine')
  })

  test('several paths are layers of one configuration', async () => {
    expect(await run('validate', 'gateway.yaml', 'production.yaml')).toMatchObject({
      exitCode: 0,
      out: 'gateway.yaml, production.yaml: fine (3 routes, 2 services)\n',
    })
  })

  test('json, sarif and github say the same for machines', async () => {
    const json = await run('validate', '--format', 'json', 'wrong.yaml')
    expect(json.exitCode).toBe(1)
    expect(JSON.parse(json.out)).toMatchObject({
      errors: 1,
      diagnostics: [{ code: 'HG2001', location: { file: 'wrong.yaml', line: 4, column: 14 } }],
    })
    const sarif = await run('validate', '--format', 'sarif', 'wrong.yaml')
    expect(JSON.parse(sarif.out)).toMatchObject({ version: '2.1.0', runs: [{ results: [{ ruleId: 'HG2001' }] }] })
    expect((await run('validate', '--format', 'github', 'wrong.yaml')).out).toMatch(/^::error file=wrong\.yaml,line=4,/)
    expect(JSON.parse((await run('validate', '--format', 'json')).out)).toMatchObject({ errors: 0, diagnostics: [] })
  })

  test('a path that does not exist cannot be read: 2', async () => {
    expect(await run('validate', 'nope.yaml')).toMatchObject({ exitCode: 2, out: '', err: 'error: There is no nope.yaml.\n' })
  })

  test('an empty path is a mistake, not the current folder: 2', async () => {
    const err = 'error: A path is empty. Name a file or folder, or leave it out for ./gateway.yaml.\n'
    expect(await run('validate', '')).toMatchObject({ exitCode: 2, out: '', err })
    expect(await run('config', '-c', '')).toMatchObject({ exitCode: 2, out: '', err })
  })

  test('colours only where they are wanted', async () => {
    const escape = '\u001b['
    expect((await run('validate', 'wrong.yaml')).out).not.toContain(escape)
    expect((await headgate(['validate', 'wrong.yaml'], { cwd: folder, env: { FORCE_COLOR: '1' } })).out).toContain(escape)
    expect((await headgate(['validate', 'wrong.yaml'], { cwd: folder, env: { NO_COLOR: '1' } })).out).not.toContain(escape)
  })
})

describe('explain', () => {
  test('shows the rule, what is sent upstream, every policy with its origin, and the worst case', async () => {
    const { exitCode, out, err } = await run('explain', 'GET', '/api/users/42?x=1')
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toContain('GET /api/users/42?x=1\ntakes /api/users/*  gateway.yaml:2:5\n')
    expect(out).toMatch(
      /target +users\n +\{rest\} +\/42\n +sent upstream +\/api\/users\/42\?x=1\n +addresses +http:\/\/127\.0\.0\.1:9101, http:\/\/127\.0\.0\.1:9103\n/,
    )
    expect(out).toContain('wait   15.15s until the response headers (3 attempts x 5s and the longest backoffs between them)')
    expect(out).toContain('calls  3 calls to the service')
    expect(out).toMatch(/timeout +5s +gateway\.yaml:4:14\n/)
    expect(out).toMatch(/circuit_breaker\.volume +20 +default\n/)
    expect(out).toMatch(/health_check\.path +\/health +gateway\.yaml:18:\d+\n/)
    expect(out).toMatch(/\/api\/orders\/\{id\} +path \/api\/users\/42 is not \/api\/orders\/\{id\}; method GET is not POST +gateway\.yaml:7:5\n/)
  })

  test('a probe that health_checks sets is named with its place there', async () => {
    await writeFile(
      join(folder, 'probed.yaml'),
      `${good}health_checks:\n  internal_services:\n    - { service: users, endpoint: /ready, interval: 20s }\n`,
    )
    const { out } = await run('explain', 'GET', '/api/users/42', '-c', 'probed.yaml')
    expect(out).toMatch(/health_check\.path +\/ready +probed\.yaml:22:35\n/)
    expect(out).toMatch(/health_check\.interval +20s +probed\.yaml:22:53\n/)
    expect(out).toMatch(/health_check\.timeout +2s +default\n/)
  })

  test('a header may make a request repeatable, and the deadline bounds the wait', async () => {
    const plain = await run('explain', 'POST', '/api/orders/7')
    expect(plain.out).toMatch(/\{id\} +7\n +sent upstream +\/orders\/7\n/)
    expect(plain.out).toContain(
      'wait   8s until the response headers (the deadline; without it 2 attempts x 5s and the longest backoffs between them)',
    )
    expect(plain.out).toContain('calls  1 call to the service; it is repeated only when it was never sent')
    expect((await run('explain', 'POST', '/api/orders/7', '-H', 'Idempotency-Key: k')).out).toContain('calls  2 calls to the service\n')
  })

  test('what comes from the environment stays the reference that was written', async () => {
    await writeFile(
      join(folder, 'secretive.yaml'),
      `services: { a: { urls: ["http://127.0.0.1:9101"], health_check: "/health?key=\${env:KEY}" } }
routing_rules:
  - path: /bot/*
    service: a
    rewrite: "/bot\${env:KEY}{rest}"
    request_headers: { set: { Authorization: "Bearer \${env:KEY}", x-plain: yes } }
    response_headers: { add: { x-key: "\${env:KEY}" } }
`,
    )
    for (const format of ['text', 'json']) {
      const args = ['explain', 'GET', '/bot/a?b=c', '-c', 'secretive.yaml', '--format', format]
      const { exitCode, out, err } = await headgate(args, { cwd: folder, env: { KEY: 'hunter2' } })
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
      expect(out).not.toContain('hunter2')
      for (const text of ['authorization: Bearer ${env:KEY}', 'x-plain: yes', 'x-key: ${env:KEY}', '/health?key=${env:KEY}'])
        expect(out).toContain(text)
      expect(out).toContain('/bot${env:KEY}{rest}?b=c')
    }
  })

  test('a redirect has a location and calls nobody', async () => {
    const { out } = await run('explain', 'GET', 'http://any.example/old/a?b=c')
    expect(out).toMatch(/location +\/new\/a\?b=c\n/)
    expect(out).not.toContain('Worst case')
  })

  test('no match says why, with the answer that a client would get, and ends with 1', async () => {
    const wrongMethod = await run('explain', 'GET', '/api/orders/7')
    expect(wrongMethod.exitCode).toBe(1)
    expect(wrongMethod.out).toContain('No rule matches: the answer is 405, allowed: POST.\n')
    expect(wrongMethod.out).toMatch(/why not +from\n +\/api\/orders\/\{id\} +method GET is not POST/)
    expect((await run('explain', 'GET', '/nothing')).out).toContain('No rule matches: the answer is 404.\n')
  })

  test('json says the same for machines', async () => {
    const { exitCode, out } = await run('explain', '--format', 'json', 'GET', '/api/users/42')
    expect(exitCode).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      matched: true,
      rule: { path: '/api/users/*', origin: 'gateway.yaml:2:5' },
      worstCase: { waitMs: 15_150, calls: 3 },
      others: [{ verdict: 'no_match' }, { verdict: 'no_match' }],
    })
  })

  test.each([
    ['/a/%2e%2e/b', '`/a/%2e%2e/b` would be refused with 400: The path has an encoded `.`.'],
    ['ftp://x/', '`ftp://x/` would be refused with 400: The request target is neither a path nor an http(s) URL.'],
  ])('%s is nothing that a route could get: 2', async (target, message) => {
    expect(await run('explain', 'GET', target)).toMatchObject({ exitCode: 2, out: '', err: `error: ${message}\n` })
  })

  test('findings of the configuration do not mix with the answer', async () => {
    const { exitCode, out, err } = await run('explain', 'GET', '/', '-c', 'wrong.yaml', '--format', 'json')
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(err).toContain('HG2001')
  })
})

describe('config', () => {
  test('prints what is in force, as YAML that is a configuration itself', async () => {
    const { exitCode, out } = await run('config', '-c', 'gateway.yaml', '-c', 'production.yaml')
    expect(exitCode).toBe(0)
    expect(parse(out)).toMatchObject({
      services: { users: { urls: ['http://users.internal'], load_balancing: 'round_robin' } },
      listeners: { main: { address: '0.0.0.0:8080' } },
    })
    await writeFile(join(folder, 'effective.yaml'), out)
    expect(await run('validate', 'effective.yaml')).toMatchObject({ exitCode: 0 })
  })

  test('--origins names the place of each value', async () => {
    const { out } = await run('config', '--origins', '-c', 'gateway.yaml', '-c', 'production.yaml')
    expect(out).toContain('    timeout: 5s # gateway.yaml:4:14\n')
    expect(out).toContain('      - http://users.internal # production.yaml:1:')
    expect(out).toContain('    address: 0.0.0.0:8080 # default\n')
    expect(out).toContain('    trusted_proxies: [] # default\n')
    expect(parse(out)).toEqual(parse((await run('config', '-c', 'gateway.yaml', '-c', 'production.yaml')).out))
  })

  test('json with origins has both side by side', async () => {
    const { out } = await run('config', '--format', 'json', '--origins')
    expect(JSON.parse(out)).toMatchObject({
      config: { routing_rules: [{ timeout: '5s' }, {}, {}] },
      origins: { '/routing_rules/0/timeout': 'gateway.yaml:4:14', '/admin/address': 'default' },
    })
  })

  test('a wrong configuration prints nothing but its findings', async () => {
    const { exitCode, out, err } = await run('config', '-c', 'wrong.yaml')
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(err).toContain('HG2001')
  })
})

test('schema prints the JSON Schema', async () => {
  const { exitCode, out } = await run('schema')
  expect(exitCode).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ title: 'Headgate configuration', type: 'object' })
})

test('a reader that has seen enough ends it quietly with the right exit code', async () => {
  const rules = Array.from({ length: 3000 }, (_, index) => `  - { path: /r${index}, respond: { body: ok } }`)
  await writeFile(join(folder, 'long.yaml'), `routing_rules:\n${rules.join('\n')}\n`)
  const started = start(['config', '-c', 'long.yaml'], { cwd: folder })
  started.child.stdout?.once('data', () => started.child.stdout?.destroy())
  expect(await started.ended).toMatchObject({ exitCode: 0, signal: null, err: '' })
})

test.skipIf(!existsSync('/dev/full'))('output that cannot be written is one sentence and 2', async () => {
  const child = spawn('sh', ['-c', `"${process.execPath}" "${main}" schema > /dev/full`], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  expect(await once(child, 'close')).toEqual([2, null])
  expect(err).toBe('error: Standard output cannot be written (ENOSPC).\n')
})

test('a plugin that keeps timers running keeps no command from ending', async () => {
  await writeFile(join(folder, 'ticking.mjs'), 'setInterval(() => undefined, 1000)\nexport default {}\n')
  await writeFile(join(folder, 'ticking.yaml'), `plugins: [./ticking.mjs]\n${good}`)
  const [validated, listed] = await Promise.all([
    headgate(['validate', 'ticking.yaml'], { cwd: folder }),
    headgate(['plugins', 'list', '-c', 'ticking.yaml'], { cwd: folder }),
  ])
  expect(validated).toMatchObject({ exitCode: 1, signal: null })
  expect(validated.out).toContain('HG3025')
  expect(listed).toMatchObject({ exitCode: 1, signal: null })
})

test('all templates of an operation that are wrong are told of at once, each in its place', async () => {
  const operation = `settings:
          method: POST
          path: /parcels/{{ inptu.id }}
          query: { language: "{{ input.language }}", note: "{{ output.note }}" }
          body: { to: "{{ input.address + }}", lines: ["{{ input.lines }}", "{{ line }}"] }
          output: { parcel: "{{ bdy.id }}" }`
  await writeFile(
    join(folder, 'templates.yaml'),
    `integrations:\n  parcels:\n    plugin: http\n    base_url: https://api.example.com\n    operations:\n      ship:\n        ${operation}\n${good}`,
  )
  const { out } = await headgate(['validate', '--format', 'json', 'templates.yaml'], { cwd: folder })
  const { diagnostics } = JSON.parse(out) as { diagnostics: { code: string; pointer: string }[] }
  const at = (place: string): object => ({ code: 'HG2031', pointer: `/integrations/parcels/operations/ship/settings/${place}` })
  expect(diagnostics).toMatchObject([at('path'), at('query/note'), at('body/to'), at('body/lines/1'), at('output/parcel')])
})

test('a good configuration counts its integrations and flows too', async () => {
  await writeFile(
    join(folder, 'flows.yaml'),
    `integrations:
  api: { plugin: http, base_url: "https://api.example.com", operations: { look: { settings: { method: GET, path: /looks } } } }
flows:
  look: { steps: [{ name: look, integration: api.look }] }
routing_rules:
  - { path: /looks, methods: [POST], flow: look }
`,
  )
  const { out } = await headgate(['validate', 'flows.yaml'], { cwd: folder })
  expect(out).toBe('flows.yaml: fine (1 route, 0 services, 1 integration, 1 flow)\n')
})

test('a plugin whose packages are not installed says what to run', async () => {
  await writeFile(join(folder, 'lonely.mjs'), "import 'a-package-that-nobody-has'\n")
  await writeFile(join(folder, 'lonely.yaml'), `plugins: [./lonely.mjs]\n${good}`)
  const { out } = await headgate(['validate', 'lonely.yaml'], { cwd: folder })
  expect(out).toContain("Cannot find package 'a-package-that-nobody-has'")
  expect(out).toContain('Run `npm install` in its folder')
})
