import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentHashes } from './fingerprint.ts'
import { watch } from './watch.ts'
import type { Watch } from './watch.ts'

let folder: string
let file: string
let changes: number
let watching: Watch | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-watch-'))
  file = join(folder, 'gateway.yaml')
  await writeFile(file, 'a: 1\n')
  changes = 0
})

afterEach(async () => {
  watching?.close()
  await rm(folder, { recursive: true })
})

const start = async (paths: readonly string[], known?: ReadonlyMap<string, string>): Promise<void> => {
  watching = watch({
    pollMs: 100,
    onChange: async () => {
      changes += 1
    },
  })
  await watching.follow(paths, known)
}

const waiting = { timeout: 5000, interval: 10 }
const calls = (): number => changes

test('a file that is written again is a change', async () => {
  await start([file])
  await writeFile(file, 'a: 2\n')
  await expect.poll(calls, waiting).toBe(1)
})

test('a file that another is renamed over is a change, every time', async () => {
  await start([file])
  for (const round of [1, 2, 3]) {
    await writeFile(join(folder, 'new'), `a: ${round + 1}\n`)
    await rename(join(folder, 'new'), file)
    await expect.poll(calls, waiting).toBe(round)
  }
})

test('a file that is deleted and comes back is a change each time', async () => {
  await start([file])
  await rm(file)
  await expect.poll(calls, waiting).toBe(1)
  await writeFile(file, 'a: 2\n')
  await expect.poll(calls, waiting).toBe(2)
})

test('touching a file without changing it does nothing', async () => {
  await start([file])
  await utimes(file, new Date(), new Date(Date.now() + 5000))
  // Only time can show that nothing happens: three polls and more than the settling time.
  await setTimeout(300)
  expect(changes).toBe(0)
})

test('the symlink swap of a Kubernetes ConfigMap is a change', async () => {
  const mount = join(folder, 'mount')
  await mkdir(join(mount, '..2026_1'), { recursive: true })
  await mkdir(join(mount, '..2026_2'))
  await writeFile(join(mount, '..2026_1', 'gateway.yaml'), 'a: 1\n')
  await writeFile(join(mount, '..2026_2', 'gateway.yaml'), 'a: 2\n')
  await symlink('..2026_1', join(mount, '..data'))
  await symlink(join('..data', 'gateway.yaml'), join(mount, 'gateway.yaml'))
  await start([mount])
  await symlink('..2026_2', join(mount, '..data_tmp'))
  await rename(join(mount, '..data_tmp'), join(mount, '..data'))
  await expect.poll(calls, waiting).toBe(1)
})

test('a new file in a watched folder is a change; files that are no YAML are not', async () => {
  await start([folder])
  await writeFile(join(folder, 'notes.txt'), 'x')
  await writeFile(join(folder, 'more.yaml'), 'b: 1\n')
  await expect.poll(calls, waiting).toBe(1)
})

test('a folder that is replaced as a whole is a change, and so is what happens in it afterwards', async () => {
  const inner = join(folder, 'conf')
  await mkdir(inner)
  await writeFile(join(inner, 'gateway.yaml'), 'a: 1\n')
  await start([inner])
  await mkdir(join(folder, 'next'))
  await writeFile(join(folder, 'next', 'gateway.yaml'), 'a: 2\n')
  await rename(inner, join(folder, 'old'))
  await rename(join(folder, 'next'), inner)
  await expect.poll(calls, waiting).toBeGreaterThanOrEqual(1)
  const before = changes
  await writeFile(join(inner, 'gateway.yaml'), 'a: 3\n')
  await expect.poll(calls, waiting).toBe(before + 1)
})

test('what was written between loading and watching is a change', async () => {
  const known = await contentHashes([file])
  await writeFile(file, 'a: 2\n')
  await start([file], known)
  await expect.poll(calls, waiting).toBe(1)
})

test('what was deleted between loading and watching is a change', async () => {
  const known = await contentHashes([file])
  await rm(file)
  await start([file], known)
  await expect.poll(calls, waiting).toBe(1)
})

test('changes that come while one is worked on lead to one more call', async () => {
  let release: (() => void) | undefined
  watching = watch({
    pollMs: 100,
    onChange: () => {
      changes += 1
      return new Promise((resolve) => {
        release = resolve
      })
    },
  })
  await watching.follow([file])
  await writeFile(file, 'a: 2\n')
  await expect.poll(calls, waiting).toBe(1)
  for (const round of [3, 4, 5]) await writeFile(file, `a: ${round}\n`)
  release?.()
  await expect.poll(calls, waiting).toBe(2)
  release?.()
})
