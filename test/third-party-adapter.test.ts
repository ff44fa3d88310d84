import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root } from './architecture/files.ts'
import { blocksOf } from './docs/blocks.ts'
import { killed } from './kit/child.ts'

interface Ended {
  readonly code: number
  readonly out: string
}

const ended = (file: string, words: readonly string[], cwd: string): Promise<Ended> => {
  const env = { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined }
  return new Promise((resolve) => {
    execFile(file, words, { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out: `${stdout}${stderr}` })
    })
  })
}

type StandIn = () => Promise<{ readonly baseUrl: string; close(): Promise<void> }>

/** Address of the listener of a gateway that has just been started. */
const served = (gateway: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let out = ''
    const read = (piece: Buffer): void => {
      out += piece.toString('utf8')
      const line = out.split('\n').find((one) => one.includes('"event":"serving"'))
      if (line !== undefined) resolve((JSON.parse(line) as { readonly listeners: readonly { readonly url: string }[] }).listeners[0]?.url ?? '')
    }
    gateway.stdout?.on('data', read)
    gateway.stderr?.on('data', read)
    gateway.once('exit', () => reject(new Error(`the gateway has ended: ${out}`)))
  })

let project: string
const node = (...words: readonly string[]): Promise<Ended> => ended(process.execPath, words, project)
const headgate = (...words: readonly string[]): Promise<Ended> => node(join(root, 'cli/headgate.js'), ...words)

/** A project of somebody else, with the package installed as it is published. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'headgate-third-party-'))
  const installed = join(project, 'node_modules/headgate')
  const built = await ended(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', join(installed, 'dist')],
    root,
  )
  if (built.code !== 0) throw new Error(`the package cannot be built: ${built.out}`)
  await cp(join(root, 'package.json'), join(installed, 'package.json'))
  await symlink(join(root, 'node_modules'), join(installed, 'node_modules'))
})
afterAll(() => rm(project, { recursive: true, force: true }))

const guide = (language: string): readonly string[] =>
  blocksOf('docs/plugins.md', readFileSync(join(root, 'docs/plugins.md'), 'utf8')).flatMap((block) => (block.language === language ? block.text : []))

/** The configuration of the guide, with a setting. */
const configuration = (settings: string): string =>
  (guide('yaml')[0] ?? '').replace('    plugin: acme-sms\n', `    plugin: acme-sms\n    settings: { ${settings} }\n`)

describe('an adapter in a folder of its own', () => {
  test('is written, and its test passes as it stands', async () => {
    expect(await headgate('plugins', 'new', 'acme-sms', '--capability', 'sms')).toMatchObject({ code: 0 })
    const { code, out } = await ended(process.execPath, ['--test', '--test-reporter=tap'], join(project, 'acme-sms'))
    expect(out).toMatch(/^# fail 0$/m)
    expect(Number(/^# pass (\d+)$/m.exec(out)?.[1])).toBeGreaterThan(15)
    expect(code).toBe(0)
  })

  test('its test fails when the adapter reads failures wrongly', async () => {
    const broken = join(project, 'broken')
    await cp(join(project, 'acme-sms'), broken, { recursive: true })
    const source = await readFile(join(broken, 'acme-sms.ts'), 'utf8')
    await writeFile(join(broken, 'acme-sms.ts'), source.replace('    executed,\n', "    executed: 'yes',\n"))
    const { code, out } = await ended(process.execPath, ['--test', '--test-reporter=tap'], broken)
    expect([code, /not ok \d+ - 503 is `service_down`, not executed/.test(out)]).toEqual([1, true])
  })

  test('is the one that the guide shows', async () => {
    const written = await Promise.all(['acme-sms.ts', 'acme-sms.test.ts'].map((name) => readFile(join(project, 'acme-sms', name), 'utf8')))
    expect(guide('ts').length).toBeGreaterThan(3)
    expect(guide('ts').filter((text) => !written.some((source) => source.includes(text)))).toEqual([])
  })

  test('is loaded by its path, and its settings are checked', async () => {
    await writeFile(join(project, 'gateway.yaml'), configuration('channel: loud'))
    expect(await headgate('validate')).toMatchObject({ code: 0 })
    expect((await headgate('plugins', 'list', '-c', 'gateway.yaml')).out).toMatch(/^acme-sms +sms +\.\/acme-sms/m)
    expect((await headgate('plugins', 'show', 'acme-sms', '-c', 'gateway.yaml', '--format', 'json')).out).toContain('"from": "./acme-sms"')
    await writeFile(join(project, 'wrong.yaml'), configuration('chanel: loud'))
    const { code, out } = await headgate('validate', 'wrong.yaml')
    expect([code, out]).toEqual([1, expect.stringContaining('Did you mean `channel`?')])
  })

  test('works through a gateway, with a secret from a file, and does an intent once', async () => {
    const { standIn } = (await import(pathToFileURL(join(project, 'acme-sms/stand-in.ts')).href)) as { standIn: StandIn }
    const provider = await standIn()
    const written = configuration('channel: loud').replace('https://api.example.com', provider.baseUrl)
    await writeFile(join(project, 'run.yaml'), `${written}listeners: { main: { address: '127.0.0.1:0' } }\nadmin: { address: '127.0.0.1:0' }\n`)
    expect(await headgate('run', '-c', 'run.yaml')).toMatchObject({ code: 1, out: expect.stringContaining('acme#token') as unknown })
    await mkdir(join(project, '.headgate/secrets/prod/acme'), { recursive: true })
    await writeFile(join(project, '.headgate/secrets/prod/acme/token'), 'a-token-that-nobody-may-see\n')
    const gateway = spawn(process.execPath, [join(root, 'cli/headgate.js'), 'run', '-c', 'run.yaml', '--format', 'json'], { cwd: project })
    try {
      const url = await served(gateway)
      const send = async (key: string): Promise<unknown> => {
        const headers = { 'content-type': 'application/json', 'idempotency-key': key }
        const answer = await fetch(`${url}/api/messages`, { method: 'POST', headers, body: '{"to":"ada","text":"Hello"}' })
        return [answer.status, await answer.json()]
      }
      expect(await send('one')).toEqual([200, { id: 'message-1' }])
      expect(await send('one')).toEqual([200, { id: 'message-1' }])
      expect(await send('two')).toEqual([200, { id: 'message-2' }])
    } finally {
      await killed(gateway)
      await provider.close()
    }
  })

  test('a folder that is not empty, and names of built-in adapters, are left alone', async () => {
    expect(await headgate('plugins', 'new', 'acme-sms')).toMatchObject({ code: 2, out: expect.stringContaining('not empty') as unknown })
    expect(await headgate('plugins', 'new', 'stripe')).toMatchObject({ code: 2, out: expect.stringContaining('built-in adapter') as unknown })
    expect(await headgate('plugins', 'new', 'Acme SMS')).toMatchObject({ code: 2 })
  })
})
