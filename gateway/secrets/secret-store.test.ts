import { mkdir, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { GatewayError } from '../errors.ts'
import { type SecretStore, secretStore, type SecretStoreDeps } from './secret-store.ts'
import type { SecretUsers } from './secret-references.ts'

let root: string
let stores: SecretStore[]
let lines: { level: string; fields: object; message: string }[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'headgate-secrets-'))
  stores = []
  lines = []
})
afterEach(async () => {
  for (const store of stores) store.close()
  await rm(root, { recursive: true, force: true })
})

const put = async (path: string, text: string | Uint8Array): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}

const open = (deps: Partial<SecretStoreDeps> = {}): SecretStore => {
  const write =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message })
    }
  const store = secretStore({ env: {}, log: { warn: write('warn'), info: write('info') }, now: Date.now, refreshMs: 5, ...deps })
  stores.push(store)
  return store
}

/** A configuration whose integrations refer to `references`. */
const using = (references: readonly string[], path = '/prod/database/credentials', rotationMs = Infinity): SecretUsers =>
  ({
    integrations: references.map((reference) => ({ auth: { token: `\${secret:${reference}}` } })),
    alerts: [],
    state: {},
    brokers: [],
    messaging: { store: {} },
    secrets: { root, secrets: [{ name: 'database', path, rotationMs }] },
  }) as unknown as SecretUsers

const entered = async (store: SecretStore, config: SecretUsers): Promise<SecretStore> => {
  const prepared = await store.prepare(config)
  prepared.enter()
  return store
}

const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof GatewayError && error.code === 'SECRET_UNAVAILABLE') return error.message
  throw new Error(`not refused: ${String(error)}`)
}

const password = '${secret:database#password}'

describe('where values come from', () => {
  test.each([
    ['prod/database/credentials', '{"password": "hunter2"}'],
    ['prod/database/credentials.json', '{"password": "hunter2"}'],
    ['prod/database/credentials.yaml', 'user: x\npassword: hunter2\n'],
    ['prod/database/credentials.yml', 'password: "hunter2"'],
    ['prod/database/credentials/password', 'hunter2\n'],
    ['prod/database/credentials/password', 'hunter2\r\n'],
  ])('%s holding %j', async (path, text) => {
    await put(path, text)
    const store = await entered(open(), using(['database#password']))
    expect(store.reveal(`postgres://user:${password}@host`)).toBe('postgres://user:hunter2@host')
    expect(store.reveal('nothing secret')).toBe('nothing secret')
  })

  test('texts are taken as written, however much they look like numbers', async () => {
    await put('prod/database/credentials.yaml', 'a: 0123\nb: 1.10\nc: true\nd: 1e5\ne: "line\\n"\n')
    const store = await entered(open(), using(['database#a', 'database#b', 'database#c', 'database#d', 'database#e']))
    expect(['a', 'b', 'c', 'd', 'e'].map((field) => store.reveal(`\${secret:database#${field}}`))).toEqual(['0123', '1.10', 'true', '1e5', 'line\n'])
  })

  test('the environment counts first', async () => {
    await put('prod/database/credentials/password', 'from the file')
    const store = await entered(open({ env: { HEADGATE_SECRET_DATABASE_PASSWORD: 'from the environment' } }), using(['database#password']))
    expect(store.reveal(password)).toBe('from the environment')
  })

  test('what a revealed value holds is not looked at again', async () => {
    await put('prod/database/credentials/password', '${secret:database#password}$&')
    expect((await entered(open(), using(['database#password']))).reveal(password)).toBe('${secret:database#password}$&')
  })
})

describe('a start without its secrets is refused', () => {
  test('naming everything that is missing, and what would supply it', async () => {
    await put('prod/database/credentials.json', '{"user": "hunter2"}')
    const message = await refusal(open().prepare(using(['database#password', 'other#key'])))
    expect(message).toContain(
      'database#password: prod/database/credentials.json has no field password; HEADGATE_SECRET_DATABASE_PASSWORD is not set either',
    )
    expect(message).toContain('other: not declared under `secrets`')
    expect(message).not.toContain('hunter2')
  })

  test('naming of one secret only the fields that are missing', async () => {
    await put('prod/database/credentials/user', 'ada')
    const message = await refusal(open().prepare(using(['database#user', 'database#password'])))
    expect(message).toContain('Secrets are missing. database#password: there is no file prod/database/credentials/password')
    expect(message).not.toContain('database#user')
  })

  test.each<[string, Record<string, string | Uint8Array>, string]>([
    ['nothing there', {}, 'there is no file or folder prod/database/credentials under'],
    ['no file for the field', { 'prod/database/credentials/user': 'x' }, 'there is no file prod/database/credentials/password'],
    ['an empty file', { 'prod/database/credentials/password': '\n' }, 'prod/database/credentials/password is empty'],
    [
      'a field without a value',
      { 'prod/database/credentials.yaml': 'password:\nhunter2: x' },
      'field password of prod/database/credentials.yaml is empty',
    ],
    ['null', { 'prod/database/credentials.json': '{"password": null}' }, 'is empty'],
    ['a list', { 'prod/database/credentials.json': '{"password": ["hunter2"]}' }, 'is no text'],
    ['broken JSON', { 'prod/database/credentials.json': '{"password": hunter2"' }, 'cannot be read as JSON or YAML'],
    ['a duplicate key', { 'prod/database/credentials.yaml': 'password: hunter2\npassword: b' }, 'DUPLICATE_KEY'],
    ['plain text', { 'prod/database/credentials': 'hunter2' }, 'is no map of fields'],
    ['bytes', { 'prod/database/credentials/password': new Uint8Array([0xff, 0xfe, 0x00]) }, 'is not text (UTF-8)'],
    ['too much', { 'prod/database/credentials/password': 'x'.repeat(1024 * 1024 + 1) }, 'has more than 1048576 bytes'],
    ['a folder for the field', { 'prod/database/credentials/password/x': 'hunter2' }, 'is a folder'],
  ])('%s', async (_name, files, reason) => {
    for (const [path, text] of Object.entries(files)) await put(path, text)
    const message = await refusal(open().prepare(using(['database#password'])))
    expect(message).toContain(reason)
    expect(message).not.toContain('hunter2')
  })

  test.each(['../outside', '/prod/../../outside', '/', 'a/./b', 'a\\b'])('the path %j', async (path) => {
    expect(await refusal(open().prepare(using(['database#password'], path)))).toContain('is no path of a secret')
  })

  test('a symbolic link that leads out of the root', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'headgate-outside-'))
    await writeFile(join(outside, 'password'), 'hunter2')
    await mkdir(join(root, 'prod/database'), { recursive: true })
    await symlink(outside, join(root, 'prod/database/credentials'))
    expect(await refusal(open().prepare(using(['database#password'])))).toContain('leads out of')
    await rm(outside, { recursive: true })
  })

  test('a field cannot climb either', async () => {
    await put('prod/database/password', 'hunter2')
    await put('prod/database/credentials/user', 'x')
    expect(await refusal(open().prepare(using(['database#..'])))).toContain('is no field')
  })
})

describe('while it runs', () => {
  test('a file that is replaced counts without a restart', async () => {
    await put('prod/database/credentials/password', 'old')
    const store = await entered(open(), using(['database#password']))
    await put('prod/database/next', 'new')
    await rename(join(root, 'prod/database/next'), join(root, 'prod/database/credentials/password'))
    await until('the new value is there', () => store.reveal(password) === 'new')
    expect(lines).toEqual([{ level: 'info', fields: { secret: 'database' }, message: 'secret changed' }])
  })

  test('the swap of a Kubernetes volume changes all fields at once', async () => {
    const folder = join(root, 'prod/database/credentials')
    const version = async (name: string): Promise<void> => {
      await put(`prod/database/credentials/..${name}/user`, `user ${name}`)
      await put(`prod/database/credentials/..${name}/password`, `password ${name}`)
      await symlink(`..${name}`, join(folder, '..data_tmp'))
      await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    await version('1')
    for (const field of ['user', 'password']) await symlink(`..data/${field}`, join(folder, field))
    const store = await entered(open({ refreshMs: 1 }), using(['database#user', 'database#password']))
    const pairs = new Set<string>()
    for (const name of ['2', '3', '4', '5']) {
      await version(name)
      await until('the new version is there', () => {
        const pair = store.reveal('${secret:database#user}, ${secret:database#password}')
        pairs.add(pair)
        return pair.endsWith(name)
      })
    }
    expect([...pairs].filter((pair) => !/^user (\d), password \1$/.test(pair))).toEqual([])
    expect(await readdir(folder)).toContain('..data')
  })

  test('a secret that disappears or breaks keeps its last value, which is said once', async () => {
    await put('prod/database/credentials.yaml', 'password: hunter2-old')
    const store = await entered(open(), using(['database#password']))
    await rm(join(root, 'prod'), { recursive: true })
    await until('it is noticed', () => store.status()[0]?.trouble !== undefined)
    expect(store.reveal(password)).toBe('hunter2-old')
    await put('prod/database/credentials.yaml', 'password: [hunter2')
    await until('the other trouble is noticed', () => store.status()[0]?.trouble?.includes('cannot be read') === true)
    expect(store.reveal(password)).toBe('hunter2-old')
    await put('prod/database/credentials.yaml', 'password: hunter2-new')
    await until('it is back', () => store.reveal(password) === 'hunter2-new')
    expect(lines.filter(({ level }) => level === 'warn').length).toBeLessThanOrEqual(3)
    expect(JSON.stringify(lines)).not.toContain('hunter2')
  })

  test('rotation that is overdue is warned about once, and shown', async () => {
    await put('prod/database/credentials/password', 'x')
    const store = await entered(
      open({ now: () => Date.now() + 91 * 24 * 3600 * 1000 }),
      using(['database#password'], undefined, 90 * 24 * 3600 * 1000),
    )
    expect(store.status()).toMatchObject([{ name: 'database', overdue: true, trouble: undefined }])
    await utimes(join(root, 'prod/database/credentials/password'), new Date(), new Date())
    await until('the touched file is warned about', () => lines.length === 2)
    expect(lines).toEqual(
      [1, 2].map(() => ({
        level: 'warn',
        fields: { secret: 'database', ageDays: 91, rotationDays: 90 },
        message: 'rotation of a secret is overdue',
      })),
    )
  })

  test('a new configuration: its secrets are known once they are read, and the old ones until it is in force', async () => {
    await put('prod/database/credentials/password', 'first')
    await put('prod/other/password', 'second')
    const store = await entered(open(), using(['database#password']))
    expect(await refusal(store.prepare(using(['database#missing'])))).toContain('missing')
    expect(store.reveal(password)).toBe('first')
    const next = await store.prepare(using(['database#password'], '/prod/other'))
    expect(store.reveal(password)).toBe('second')
    next.abandon()
    expect(store.reveal(password)).toBe('first')
    await entered(store, using([]))
    expect(() => store.reveal(password)).toThrow(
      expect.objectContaining({ code: 'SECRET_UNAVAILABLE', message: 'The secret database#password is not there.' }),
    )
  })
})
