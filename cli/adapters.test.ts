import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PluginSource } from '../config/model.ts'
import { adapterProblems } from '../gateway/integrations/adapter-shape.ts'
import { loadAdapters } from './adapters.ts'
import { builtInAdapters, builtInTypes } from './plugins/built-in.ts'
import { pluginAdapter } from './plugins/plugin-module.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-plugins-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const put = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), text)
}

const at = (name: string): PluginSource => ({
  name,
  ...(name.startsWith('.') ? { path: join(folder, name) } : {}),
  from: join(folder, 'gateway.yaml'),
})

const run = promisify(execFile)

/** `pluginAdapter` under plain Node: test runners import modules in ways of their own. */
const inNode = async (name: string): Promise<unknown> => {
  const module = new URL('./plugins/plugin-module.ts', import.meta.url).href
  const script = `const { pluginAdapter } = await import('${module}'); console.log(JSON.stringify(await pluginAdapter(${JSON.stringify(at(name))})))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script])
  return JSON.parse(stdout)
}

const object = (properties = ''): string => `{ type: 'object', additionalProperties: false, properties: {${properties}} }`

/** Source of an adapter that can be used. */
const adapter = (overrides = ''): string => `{
  interface: 1, type: 'acme', capability: 'sms', summary: 'Acme', auth: ['none'], settings: ${object()},
  operations: { send: { summary: 'Sends', input: ${object()}, output: ${object()}, idempotency: 'key', duplicates: 'tolerable' } },
  create: () => ({ operations: {} }), ${overrides} }`

const messages = async (...names: string[]): Promise<readonly string[]> =>
  (await loadAdapters(names.map(at), [])).problems.map(({ message }) => message)

describe('built-in adapters', () => {
  test('have the shape of their interface, under their own type', async () => {
    const adapters = await builtInAdapters(builtInTypes)
    expect(adapters.map(({ type }) => type)).toEqual(builtInTypes)
    expect(adapters.flatMap((one) => adapterProblems(one).map((problem) => `${one.type}: ${problem}`))).toEqual([])
  })

  test('are loaded where they are named, and all of them where a name is unknown', async () => {
    const types = async (named: string[]): Promise<string[]> => [...(await loadAdapters([], named)).catalogue.adapters.keys()]
    expect(await types([])).toEqual([])
    expect(await types(['stripe', 'stripe'])).toEqual(['stripe'])
    expect(await types(['strip'])).toEqual(builtInTypes)
  })
})

describe('plugins', () => {
  test('are files and folders, in JavaScript and TypeScript, with a default or a named export', async () => {
    await put('a.ts', `const type: string = 'a-file'\nexport default { ...${adapter()}, type }`)
    await put('folder/package.json', '{"type": "module", "exports": {".": {"types": "./x.d.ts", "import": "./lib/main.js"}}}')
    await put('folder/lib/main.js', `export const adapter = ${adapter("type: 'a-folder'")}`)
    const { catalogue, problems } = await loadAdapters([at('./a.ts'), at('./folder')], ['a-file', 'a-folder'])
    expect(problems).toEqual([])
    expect([...catalogue.adapters.keys()]).toEqual(['a-file', 'a-folder'])
  })

  test('are packages that are installed beside the file which names them', async () => {
    await put('node_modules/@acme/sms/package.json', '{"name": "@acme/sms", "type": "module", "main": "main.js"}')
    await put('node_modules/@acme/sms/main.js', `export default ${adapter()}`)
    expect((await loadAdapters([at('@acme/sms')], ['acme'])).catalogue.adapters.has('acme')).toBe(true)
    expect(await messages('@acme/other')).toEqual(['The package @acme/other is not installed.'])
  })

  test('TypeScript inside node_modules cannot be run by Node, and that is said', async () => {
    await put('node_modules/acme/package.json', '{"name": "acme", "type": "module", "main": "main.ts"}')
    await put('node_modules/acme/main.ts', `export default ${adapter()} as object`)
    expect(await inNode('acme')).toEqual({
      message: 'acme cannot be used: Node runs no TypeScript inside node_modules.',
      hint: 'Publish JavaScript, or name the plugin by its path.',
    })
  })

  test('what is no JavaScript is said in one line', async () => {
    await put('syntax.mjs', 'export default {')
    expect(JSON.stringify(await inNode('./syntax.mjs'))).toMatch(
      /^\{"message":"\.\/syntax\.mjs cannot be used: its import failed with SyntaxError: [^\n\\]*\."\}$/,
    )
  })

  test.each<[string, string, string]>([
    ['throws.mjs', "throw new Error('out of order\\nsecond line')", 'its import failed with Error: out of order.'],
    ['missing.mjs', "import './not-there.mjs'", 'its import failed with'],
    ['nothing.mjs', 'export const other = 1', 'exports no adapter.'],
    ['text.mjs', "export default 'x'", 'The adapter is no object.'],
    ['unversioned.mjs', 'export default {}', 'It has no `interface`: write `interface: interfaceVersion` (1).'],
    ['future.mjs', 'export default { interface: 2 }', 'It is written for version 2 of the adapter interface; this gateway speaks version 1.'],
    ['type.mjs', `export default ${adapter("type: 'Acme SMS'")}`, '`type` has to be a word of lower case letters, digits and hyphens.'],
    ['auth.mjs', `export default ${adapter("auth: ['magic']")}`, '`auth` has to list some of none, bearer, api_key, basic, oauth2, aws.'],
    ['open.mjs', `export default ${adapter("settings: { type: 'object' }")}`, 'so that misspelt keys are found.'],
    ['described.mjs', `export default ${adapter(`settings: ${object("a: { type: 'string' }")}`)}`, '`settings.a.description` has to be a text.'],
    ['schema.mjs', `export default ${adapter("settings: { type: 'objekt' }")}`, '`settings` cannot be used as JSON Schema'],
    ['operations.mjs', `export default ${adapter('operations: {}')}`, 'There is no operation, and none can be declared.'],
    ['operation.mjs', `export default ${adapter('operations: { send: {} }')}`, '`operations.send.idempotency` has to be one of key, inherent, none.'],
    ['create.mjs', `export default ${adapter('create: 1')}`, '`create` is no function.'],
    ['taken.mjs', `export default ${adapter("type: 'stripe'")}`, 'has the type `stripe`, which is that of a built-in adapter.'],
  ])('%s is refused', async (name, source, message) => {
    await put(name, source)
    const [found, ...others] = await messages(`./${name}`)
    expect(found).toContain(message)
    expect(found).not.toContain('second line')
    expect(others).toEqual([])
  })

  test('two of one type: the second is refused', async () => {
    await put('a.mjs', `export default ${adapter()}`)
    await put('b.mjs', `export default ${adapter()}`)
    expect(await messages('./a.mjs', './b.mjs')).toEqual(['./b.mjs has the type `acme`, which another plugin has already.'])
  })

  test('what is not there is said', async () => {
    await put('empty/readme', '')
    await put('astray/package.json', '{"main": "gone.js"}')
    expect(await messages('./gone.ts', './empty', './astray')).toEqual([
      'There is no plugin at ./gone.ts.',
      './empty has no package.json.',
      './astray leads to gone.js, which is not there.',
    ])
  })

  test('an import that never ends is given up', async () => {
    await put('hangs.mjs', 'await new Promise(() => undefined)')
    expect(await pluginAdapter(at('./hangs.mjs'), 50)).toMatchObject({
      message: './hangs.mjs cannot be used: its import has not ended after 0.05 s.',
    })
  })

  test('a plugin that failed can be mended while the gateway runs', async () => {
    await put('mended.mjs', 'throw new Error("broken")')
    expect(await messages('./mended.mjs')).toHaveLength(1)
    await put('mended.mjs', `export default ${adapter()}`)
    await utimes(join(folder, 'mended.mjs'), 1, 1)
    expect(await messages('./mended.mjs')).toEqual([])
  })
})
