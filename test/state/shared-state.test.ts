import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { GatewayConfig } from '../../config/model.ts'
import { sharedState } from '../../gateway/state/shared-state.ts'
import type { SharedState, StateNeeds } from '../../gateway/state/shared-state.ts'
import { redisSource, redisStoreConfig, startRedis } from '../kit/redis.ts'
import { missing, skips } from '../kit/servers.ts'
import { newRecord } from './records.ts'

const source = await redisSource()

let folder = ''
let state: SharedState
let lines: string[] = []
const line = (fields: object, message: string): void => void lines.push(`${JSON.stringify(fields)} ${message}`)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-state-'))
  lines = []
  state = sharedState({
    log: { debug: line, info: line, warn: line, error: line },
    now: Date.now,
    reveal: (text) => text.replace('${secret:redis#password}', 'of-the-server'),
  })
})
afterEach(async () => {
  await state.close()
  await rm(folder, { recursive: true, force: true })
})

const needs = (file: string, over: Partial<StateNeeds> = {}): StateNeeds => ({
  integrations: [],
  flows: [],
  alerts: [{ name: 'default', type: 'log', deduplicateMs: 1000 }],
  routes: [],
  state: { type: 'embedded', path: join(folder, file) },
  ...over,
})

const enter = async (config: StateNeeds): Promise<void> => (await state.prepare(config)).enter()

describe('the state store of a gateway', () => {
  test('is not opened for a configuration that has nothing to remember', async () => {
    await enter(needs('a.db', { alerts: [] }))
    await expect(state.get('intent', 'a')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', sent: false })
    expect(await readdir(folder)).toEqual([])
  })

  test('is opened for webhooks, which must not be taken twice', async () => {
    const route = { target: { type: 'webhook', integration: 'payment' } } as GatewayConfig['routes'][number]
    await enter(needs('a.db', { alerts: [], routes: [route] }))
    expect(await state.put(newRecord('a'), 0)).toBe(1)
  })

  test('stays the same over a reload that does not touch it, and is another one when its settings are', async () => {
    await enter(needs('a.db'))
    await state.put(newRecord('a'), 0)
    await enter(needs('a.db', { flows: [] }))
    expect(await state.get('intent', 'a')).toMatchObject({ version: 1 })
    const prepared = await state.prepare(needs('b.db'))
    expect(await state.get('intent', 'a')).toMatchObject({ version: 1 })
    prepared.enter()
    expect(await state.get('intent', 'a')).toBeUndefined()
  })

  test.skipIf(skips(source))(`has its passwords from where secrets are kept${missing(source)}`, async () => {
    const redis = await startRedis(['save ""', 'appendonly no', 'requirepass of-the-server'])
    try {
      await enter(needs('', { state: redisStoreConfig({ urls: [redis.url], password: '${secret:redis#password}' }) }))
      expect(await state.put(newRecord('a'), 0)).toBe(1)
      expect(lines.join('\n')).not.toContain('of-the-server')
      await state.close()
    } finally {
      await redis.stop()
    }
  })
})
