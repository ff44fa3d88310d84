import { mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../../test/kit/until.ts'
import { embeddedBroker } from './broker.ts'
import type { Broker } from '../broker.ts'
import { message } from '../../../test/kit/messages.ts'
import { configOf, work, workQueue } from './test/scene.ts'

let folder: string
let broker: Broker
const path = (): string => join(folder, 'broker', 'messages.db')
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

const opened = async (): Promise<Broker> => {
  const one = embeddedBroker(configOf(path()), { log, now: Date.now, random: () => 0 })
  await one.declare([workQueue])
  return one
}

const isStored = (): Promise<boolean> =>
  broker.publish(work, message()).then(
    () => true,
    () => false,
  )

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-'))
  broker = await opened()
})
afterEach(async () => {
  await broker.close()
  await rm(folder, { recursive: true, force: true })
})

const ways: readonly (readonly [string, () => Promise<void>])[] = [
  ['removed', () => rm(join(folder, 'broker'), { recursive: true })],
  ['moved away', () => rename(join(folder, 'broker'), join(folder, 'elsewhere'))],
]

test.each(ways)('nothing is confirmed into a file that was %s, and a new one is made', async (_how, take) => {
  expect(await isStored()).toBe(true)
  await take()
  expect(await isStored()).toBe(false)
  expect(broker.status().lastError).toContain('was removed or replaced')
  await until('messages are stored again', isStored)
  expect((await stat(path())).isFile()).toBe(true)
  await broker.close()
  broker = await opened()
  expect((await broker.stats())[0]?.depth).toBe(1)
})
