import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { testAdapters, testCatalogue } from '../test/kit/adapters.ts'
import { load, type LoadOptions, type LoadResult, UnreadableError } from './load.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const folderWith = (files: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-load-'))
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const hello = 'routing_rules:\n  - path: /hello\n    respond: { body: hello }\n'
const users = 'routing_rules:\n  - path: /users/*\n    service: users\n'
const services = 'services:\n  users: { urls: ["http://127.0.0.1:9101"] }\n'

const loadFrom = (files: Readonly<Record<string, string>>, options: Partial<LoadOptions> = {}): Promise<LoadResult> =>
  load({ paths: ['gateway.yaml'], env: {}, ...options, cwd: folderWith(files) })

const errorsOf = ({ diagnostics }: LoadResult): string[] =>
  diagnostics.filter(({ severity }) => severity === 'error').map(({ code, message }) => `${code} ${message}`)

test('a good file gives a frozen configuration, its text and what to watch', async () => {
  const cwd = folderWith({ 'gateway.yaml': hello })
  const { config, diagnostics, sources, watch } = await load({ paths: ['gateway.yaml'], env: {}, cwd })
  expect(diagnostics).toEqual([])
  expect(config?.routes).toHaveLength(1)
  expect(config?.listeners).toEqual([{ name: 'main', address: { host: '0.0.0.0', port: 8080 }, trustedProxies: [] }])
  expect(config?.admin.address).toEqual({ host: '127.0.0.1', port: 9900 })
  expect([...sources]).toEqual([['gateway.yaml', hello]])
  expect(watch).toEqual([join(cwd, 'gateway.yaml')])
  expect(Object.isFrozen(config) && Object.isFrozen(config?.routes[0]?.match.segments)).toBe(true)
})

test('the files of a folder are put together by section; hidden files, other files and sub-folders are left alone', async () => {
  const cwd = folderWith({
    'conf/routes.yaml': users,
    'conf/services.yml': services,
    'conf/.old.yaml': 'nonsense: 1',
    'conf/notes.txt': 'x: [',
    'conf/deeper/more.yaml': 'y: [',
  })
  const { config, watch } = await load({ paths: ['conf'], env: {}, cwd })
  expect(config?.routes[0]?.origin).toBe('conf/routes.yaml:2:5')
  expect(config?.services.map(({ name }) => name)).toEqual(['users'])
  expect(watch).toEqual([join(cwd, 'conf'), join(cwd, 'conf/routes.yaml'), join(cwd, 'conf/services.yml')])
})

test('a mounted Kubernetes ConfigMap is read through its ..data symlink', async () => {
  const cwd = folderWith({ 'conf/..2026_11_22/routes.yaml': users, 'conf/..2026_11_22/services.yaml': services })
  symlinkSync('..2026_11_22', join(cwd, 'conf/..data'))
  symlinkSync('..data/routes.yaml', join(cwd, 'conf/routes.yaml'))
  symlinkSync('..data/services.yaml', join(cwd, 'conf/services.yaml'))
  const { config } = await load({ paths: ['conf'], env: {}, cwd })
  expect(config?.routes).toHaveLength(1)
  expect(config?.services).toHaveLength(1)
})

test('later layers merge maps deeply, replace everything else, and remove what they set to null', async () => {
  const { config, effective } = await loadFrom(
    {
      'base.yaml': `${users}    timeout: 5s\n${services}log: { level: debug }\nlimits: { max_requests: 7, max_headers: 8 }\n`,
      'prod.yaml':
        'services:\n  users: { load_balancing: random, urls: ["http://127.0.0.1:9999"] }\nlog: null\nlimits: { max_requests: null, max_connections: 9 }\n',
    },
    { paths: ['base.yaml', 'prod.yaml'] },
  )
  expect(config?.services[0]).toMatchObject({ urls: ['http://127.0.0.1:9999'], loadBalancing: 'random' })
  expect(config?.log.level).toBe('info')
  expect(config?.limits).toMatchObject({ maxRequests: 5000, maxHeaders: 8, maxConnections: 9 })
  expect(config?.routes[0]?.timeoutMs).toBe(5000)
  expect(effective?.originOf('/services/users/load_balancing')).toMatchObject({ file: 'prod.yaml', line: 2, column: 28 })
  expect(effective?.originOf('/routing_rules/0/timeout')).toMatchObject({ file: 'base.yaml', line: 4 })
  expect(effective?.originOf('/limits/max_requests')).toBe('default')
  expect(effective?.originOf('/limits/max_headers')).toMatchObject({ file: 'base.yaml' })
  expect(effective?.originOf('/limits/nothing')).toBe(undefined)
})

test.each([
  ['a missing path', ['nowhere.yaml'], 'There is no nowhere.yaml.'],
  ['an empty folder', ['empty'], 'The folder empty has no .yaml or .yml files.'],
  ['a device', ['/dev/null'], '/dev/null is neither a file nor a folder.'],
  ['no path at all', [], 'No configuration file was named.'],
  ['a file as a folder', ['gateway.yaml/x'], 'There is no gateway.yaml/x.'],
  ['a dangling link in a folder', ['links'], 'There is no links/a.yaml.'],
])('%s cannot be read, and says so in one sentence', async (_, paths, message) => {
  const cwd = folderWith({ 'gateway.yaml': hello, 'empty/notes.txt': '', 'links/b.yaml': hello })
  symlinkSync('gone.yaml', join(cwd, 'links/a.yaml'))
  const failure = await load({ paths, env: {}, cwd }).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(UnreadableError)
  expect(failure).toMatchObject({ message })
})

test.skipIf(process.getuid?.() === 0)('a file without permission cannot be read', async () => {
  const cwd = folderWith({ 'gateway.yaml': hello })
  chmodSync(join(cwd, 'gateway.yaml'), 0)
  await expect(load({ paths: ['gateway.yaml'], env: {}, cwd })).rejects.toThrow('gateway.yaml may not be read (permission denied).')
})

test('a file of more than 16 MiB is refused without being parsed', async () => {
  const result = await loadFrom({ 'gateway.yaml': `${hello}# ${'x'.repeat(16 * 1024 * 1024)}` })
  expect(errorsOf(result)).toEqual(['HG1014 The file is larger than 16MiB.'])
})

test('a byte order mark and Windows line ends are no problem', async () => {
  const { config, diagnostics } = await loadFrom({ 'gateway.yaml': `\ufeff${hello.replaceAll('\n', '\r\n')}` })
  expect(diagnostics).toEqual([])
  expect(config?.routes[0]?.origin).toBe('gateway.yaml:2:5')
})

test('references to the environment are read by the rules of YAML, and as text where a text is wanted', async () => {
  const env = { RETRIES: '2', ZIP: '01234', EMPTY: '', YES: 'true' }
  const text = `access_log: { enabled: "\${env:NO_SUCH:-x}" }
${users.replace('/users/*', '/users/${env:ZIP}')}    name: \${env:ZIP}
    retries: \${env:RETRIES}
    request_headers: { set: { x-zip: "\${env:ZIP}", x-yes: "\${env:YES}", x-default: "\${env:EMPTY:-none}", x-literal: "$\${env:ZIP}" } }
${services}`
  const { config, effective, diagnostics } = await loadFrom({ 'gateway.yaml': text.replace('${env:NO_SUCH:-x}', '${env:YES}') }, { env })
  expect(diagnostics).toEqual([])
  expect(config?.accessLog.enabled).toBe(true)
  expect(config?.routes[0]).toMatchObject({ name: '01234', match: { path: '/users/01234' }, retry: { maxAttempts: 3 } })
  expect(config?.routes[0]?.requestHeaders?.set).toEqual([
    ['x-zip', '01234'],
    ['x-yes', 'true'],
    ['x-default', 'none'],
    ['x-literal', '${env:ZIP}'],
  ])
  expect(effective?.value).toMatchObject({ routing_rules: [{ name: '${env:ZIP}', retries: '${env:RETRIES}' }] })
  expect(JSON.stringify(effective?.value)).not.toContain('01234')
})

test('a short form that takes from the environment is shown in full, with the reference that was written', async () => {
  const text = `${users}services:\n  users: { urls: ["http://127.0.0.1:9101"], health_check: "/health?key=\${env:KEY}" }\n`
  const { effective } = await loadFrom({ 'gateway.yaml': text }, { env: { KEY: 'hunter2' } })
  expect(effective?.value).toMatchObject({ services: { users: { health_check: { path: '/health?key=${env:KEY}', interval: '10s' } } } })
})

test('what the environment holds is never taken for a reference or for YAML', async () => {
  const env = { A: '${env:B}', B: 'b', C: '{ body: evil }' }
  const { config } = await loadFrom(
    { 'gateway.yaml': 'routing_rules:\n  - path: /a\n    respond: { body: "${env:A} ${env:C}", headers: { x-c: "${env:C}" } }\n' },
    { env },
  )
  expect(config?.routes[0]?.target).toMatchObject({ body: '${env:B} { body: evil }' })
})

test('anchors, aliases and merge keys work, and each use keeps its own defaults', async () => {
  const text = `x-breaker: &breaker { threshold: 50% }
x-base: &base { service: users, timeout: 5s, circuit_breaker: *breaker }
routing_rules:
  - { <<: *base, path: /a }
  - { <<: [{ timeout: 1s }, *base], path: /b }
  - { <<: *base, path: /c, timeout: 2s }
${services}`
  const { config, diagnostics, effective } = await loadFrom({ 'gateway.yaml': text })
  expect(diagnostics).toEqual([])
  expect(config?.routes.map(({ timeoutMs }) => timeoutMs)).toEqual([5000, 1000, 2000])
  expect(effective?.originOf('/routing_rules/0/timeout')).toMatchObject({ line: 2, column: 42 })
  expect(effective?.value).toMatchObject({ 'x-breaker': { threshold: '50%' } })
  expect(Object.keys((effective?.value as { 'x-breaker': object } | undefined)?.['x-breaker'] ?? {})).toEqual(['threshold'])
})

test('YAML 1.2 is read: `no` is a text, and names stay as they are written', async () => {
  const text = 'routing_rules:\n  - { path: /a, service: no }\n  - { path: /b, service: 3.10 }\nservices:\n  no: { urls: ["http://127.0.0.1:1"] }\n'
  const result = await loadFrom({ 'gateway.yaml': text.replace('service: 3.10', 'service: "3.10"') + '  3.10: { urls: ["http://127.0.0.1:2"] }\n' })
  expect(result.config?.services.map(({ name }) => name).sort()).toEqual(['3.10', 'no'])
})

test('names of the object prototype are names like others, and nothing is polluted', async () => {
  const text = `routing_rules:
  - { path: /a, service: constructor, headers: { constructor: x } }
  - { path: "/constructor/{toString}", service: hasOwnProperty }
services:
  constructor: { urls: ["http://127.0.0.1:1"] }
  hasOwnProperty: { urls: ["http://127.0.0.1:2"] }
`
  const { config, diagnostics } = await loadFrom({ 'gateway.yaml': text })
  expect(diagnostics).toEqual([])
  expect(config?.routes[0]?.match.headers).toEqual([{ name: 'constructor', value: 'x' }])
  const bad = await loadFrom({ 'gateway.yaml': `${hello}__proto__: { polluted: 1 }\nx-a: { __proto__: { polluted: 1 } }\n` })
  expect(errorsOf(bad)).toEqual(['HG1013 `__proto__` cannot be used as a name.', 'HG1013 `__proto__` cannot be used as a name.'])
  expect('polluted' in {}).toBe(false)
})

test('the command line replaces addresses, and its mistakes are shown like those of files', async () => {
  const good = await loadFrom({ 'gateway.yaml': hello }, { overrides: { listen: '127.0.0.1:0', admin: '127.0.0.1:1' } })
  expect(good.config?.listeners[0]?.address).toEqual({ host: '127.0.0.1', port: 0 })
  expect(good.config?.admin.address.port).toBe(1)
  expect(good.effective?.originOf('/listeners/main/address')).toBe('command line')
  const named = await loadFrom(
    { 'gateway.yaml': `listeners: { public: { address: "0.0.0.0:80", trusted_proxies: ["::1"] } }\n${hello}` },
    { overrides: { listen: '127.0.0.1:5' } },
  )
  expect(named.config?.listeners).toEqual([{ name: 'public', address: { host: '127.0.0.1', port: 5 }, trustedProxies: ['::1'] }])
  const bad = await loadFrom({ 'gateway.yaml': hello }, { overrides: { listen: '8080', admin: 'x' } })
  expect(bad.diagnostics.map(({ code, location }) => [code, location.file, location.line, location.column])).toEqual([
    ['HG2005', 'command line', 1, 10],
    ['HG2005', 'command line', 1, 23],
  ])
  expect(bad.sources.get('command line')).toBe('--listen 8080 --admin x')
  const several = await loadFrom(
    { 'gateway.yaml': `listeners: { a: { address: "0.0.0.0:80" }, b: { address: "0.0.0.0:81" } }\n${hello}` },
    { overrides: { listen: '127.0.0.1:5' } },
  )
  expect(errorsOf(several)).toEqual(['HG3011 `--listen` cannot tell which listener is meant: `a`, `b`.'])
})

test('diagnostics come in the same order every time: by file, line and column', async () => {
  const files = { 'b.yaml': users.replace('users\n', 'usres\n'), 'a.yaml': 'limits: { max_headers: 0, max_requests: 0 }\nlog: { level: loud }\n' }
  const first = await loadFrom(files, { paths: ['b.yaml', 'a.yaml'] })
  expect(first.diagnostics.map(({ location }) => `${location.file}:${location.line}:${location.column}`)).toEqual([
    'a.yaml:1:24',
    'a.yaml:1:41',
    'a.yaml:2:15',
    'b.yaml:3:14',
  ])
})

const stripe = 'integrations: { payment: { plugin: stripe, auth: { type: none } } }\n'

test('plugins are loaded before the checks, paths relative to the file that names them, and their files are watched', async () => {
  const asked: unknown[] = []
  const cwd = folderWith({ 'conf/plugins.yaml': 'plugins: [./acme.ts, ../shared, "@acme/adapter"]\n', 'conf/routes.yaml': hello })
  const { watch, config } = await load({
    paths: ['conf'],
    env: {},
    cwd,
    adapters: (sources) => {
      asked.push(...sources)
      return Promise.resolve({ catalogue: testCatalogue, problems: [] })
    },
  })
  const from = join(cwd, 'conf/plugins.yaml')
  expect(asked).toEqual([
    { name: './acme.ts', path: join(cwd, 'conf/acme.ts'), from },
    { name: '../shared', path: join(cwd, 'shared'), from },
    { name: '@acme/adapter', from },
  ])
  expect(config?.plugins).toEqual(asked)
  expect(watch).toEqual(expect.arrayContaining([join(cwd, 'conf/acme.ts'), join(cwd, 'shared')]))
})

test('what a plugin says of itself is a finding at its place, and integrations that may need it are not blamed', async () => {
  const result = await loadFrom({ 'gateway.yaml': `plugins: [./acme.ts]\n${stripe.replace('stripe', 'acme')}${hello}` }, { adapters: testAdapters })
  expect(result.diagnostics.map(({ code, location }) => [code, location.line, location.column])).toEqual([['HG3025', 1, 11]])
})

test('without adapters, integrations are refused', async () => {
  expect(errorsOf(await loadFrom({ 'gateway.yaml': `${stripe}${hello}` }))).toEqual(['HG3026 There is no adapter `stripe`.'])
})

test('a text from the environment that looks like a reference to a secret is refused where it would be taken for one', async () => {
  const files = {
    'gateway.yaml': `${stripe.replace('{ type: none }', '{ type: bearer, token: "${env:TOKEN}" }')}secrets: { keys: { path: /k } }\n${hello}`,
  }
  const loadWith = (token: string) => loadFrom(files, { env: { TOKEN: token }, adapters: testAdapters })
  expect(errorsOf(await loadWith('${secret:keys#stripe}')).map((error) => error.slice(0, 6))).toEqual(['HG1019'])
  expect(errorsOf(await loadWith('sk_live_1'))).toEqual([])
})
