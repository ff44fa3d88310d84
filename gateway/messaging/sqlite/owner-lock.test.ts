import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { owners } from './owner-lock.ts'

let folder = ''
let path = ''
let children: ChildProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-owners-'))
  path = join(folder, 'store.db')
  children = []
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** Another process that owns the store until it is killed; resolves with its name. */
async function stranger(): Promise<{ readonly name: string; kill(): Promise<void> }> {
  const program = `
    import { owners } from ${JSON.stringify(new URL('owner-lock.ts', import.meta.url).href)}
    const { own } = owners(${JSON.stringify(path)})
    globalThis.gc()
    process.stdout.write(own)
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const [name] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    name: name.toString(),
    kill: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

test('an owner lives until it closes', () => {
  const [one, two] = [owners(path), owners(path)]
  expect([one.alive(one.own), one.alive(two.own), two.alive(one.own)]).toEqual([true, true, true])
  two.close()
  expect(one.alive(two.own)).toBe(false)
  one.close()
})

test('an owner in another process lives until that process is killed, even when nothing refers to it any more', async () => {
  const here = owners(path)
  const there = await stranger()
  expect(here.alive(there.name)).toBe(true)
  await there.kill()
  expect(here.alive(there.name)).toBe(false)
  here.close()
})

test('nobody has ever lived under an unknown name', () => {
  const here = owners(path)
  expect(here.alive('0000000000000000')).toBe(false)
  here.close()
})

test('files of the dead are cleared away, files of the living and of other stores are not', async () => {
  const living = owners(path)
  const other = owners(join(folder, 'other.db'))
  const there = await stranger()
  await there.kill()
  const here = owners(path)
  const expected = [`other.db-owner-${other.own}`, `store.db-owner-${here.own}`, `store.db-owner-${living.own}`]
  expect((await readdir(folder)).sort()).toEqual(expected.sort())
  for (const one of [living, other, here]) one.close()
  expect(await readdir(folder)).toEqual([])
})
