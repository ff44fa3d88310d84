import { afterEach, expect, test } from 'vitest'
import { startUpstream } from '../../test/kit/upstream.ts'
import type { TestUpstream } from '../../test/kit/upstream.ts'
import { until } from '../../test/kit/until.ts'
import { memoryStore } from '../integrations/test/memory-store.ts'
import { deleted, endOf, flowConfig, flowScene, serviceStep } from './test/flow-scene.ts'
import type { Scene } from './test/flow-scene.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

/** A shop whose answers wait until they are let go. */
const gatedShop = async (): Promise<{ readonly shop: TestUpstream; release(): void }> => {
  const waiting: (() => void)[] = []
  let gated = true
  const shop = await startUpstream((_req, res) => {
    const answer = (): void => void res.end('{}')
    if (gated) waiting.push(answer)
    else answer()
  })
  open.push(shop)
  const release = (): void => {
    gated = false
    for (const answer of waiting.splice(0)) answer()
  }
  return { shop, release }
}

const kept = (scene: Scene): Scene => {
  open.push(scene)
  return scene
}

const request = (key: string): Parameters<Scene['engine']['start']>[0] => ({ flow: 'order', input: { order: 7 }, key, scope: 'test' })
const flow = flowConfig([serviceStep('reserve', {}, { compensation: deleted('reserve') }), serviceStep('ship')])
const keysOf = (shop: TestUpstream): unknown[] => shop.seen.map(({ headers }) => headers['idempotency-key'])

test('of two processes only one works on a flow, as long as it renews its lease', async () => {
  const { shop, release } = await gatedShop()
  const store = memoryStore(Date.now)
  const [one, two] = [kept(flowScene({ url: shop.url, flows: [flow], store })), kept(flowScene({ url: shop.url, flows: [flow], store }))]
  const flows = await Promise.all(Array.from({ length: 4 }, (_, index) => one.engine.start(request(`k${index}`))))
  await until('all have begun', () => shop.seen.length === 4)
  // Three times as long as a lease lasts that nobody renews.
  const begunAtMs = Date.now()
  await until('time has passed', () => Date.now() - begunAtMs > 900)
  release()
  const ended = await Promise.all(flows.map(({ id }) => endOf(two.engine, id)))
  expect(ended.map(({ state }) => state)).toEqual(Array.from({ length: 4 }, () => 'completed'))
  expect(new Set(keysOf(shop)).size).toBe(8)
  expect(shop.seen).toHaveLength(8)
})

test('a process that drains ends its step and leaves the rest to another one', async () => {
  const { shop, release } = await gatedShop()
  const store = memoryStore(Date.now)
  const one = kept(flowScene({ url: shop.url, flows: [flow], store }))
  const { id } = await one.engine.start(request('k'))
  await until('the first step has begun', () => shop.seen.length === 1)
  const drained = one.engine.drain(5000)
  release()
  await drained
  expect(shop.seen).toHaveLength(1)
  expect((await one.engine.get(id))?.steps).toMatchObject([{ state: 'done' }, { state: 'waiting' }])
  const later = await one.engine.start(request('later'))
  expect(later.state).toBe('running')
  const two = kept(flowScene({ url: shop.url, flows: [flow], store }))
  expect((await endOf(two.engine, id)).state).toBe('completed')
  expect((await endOf(two.engine, later.id)).state).toBe('completed')
  expect(new Set(keysOf(shop)).size).toBe(shop.seen.length)
})

test('a flow under way goes on with the steps that it began with', async () => {
  const { shop, release } = await gatedShop()
  const scene = kept(flowScene({ url: shop.url, flows: [flow] }))
  const { id } = await scene.engine.start(request('k'))
  await until('the first step has begun', () => shop.seen.length === 1)
  const services = new Map()
  expect(() => scene.engine.prepare({ flows: [flowConfig([serviceStep('x', { path: '/{{ inputs }}' })])] }, services)).toThrow(
    /gateway\.yaml:1:1: flow order/,
  )
  await scene.engine.close()
  const changed = kept(flowScene({ url: shop.url, flows: [flowConfig([serviceStep('other')])], store: scene.store }))
  release()
  expect((await endOf(changed.engine, id)).steps.map(({ name, state }) => [name, state])).toEqual([
    ['reserve', 'done'],
    ['ship', 'done'],
  ])
  expect(shop.seen.at(-1)?.url).toBe('/ship')
})

test('a store that is away for a while stops no flow, and nothing is done twice', async () => {
  const { shop, release } = await gatedShop()
  const scene = kept(flowScene({ url: shop.url, flows: [flow], deps: { times: { leaseMs: 10_000, renewMs: 100, pollMs: 20 } } }))
  const { id } = await scene.engine.start(request('k'))
  await until('the first step has begun', () => shop.seen.length === 1)
  scene.store.away = true
  release()
  await expect(scene.engine.start(request('other'))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
  await until('it is missed', () => scene.logged.some((line) => line.includes('the state store does not answer')))
  expect(shop.seen).toHaveLength(1)
  scene.store.away = false
  expect((await endOf(scene.engine, id)).state).toBe('completed')
  expect(shop.seen).toHaveLength(2)
})

test('more flows than there are places wait for their turn', async () => {
  const { shop, release } = await gatedShop()
  const scene = kept(flowScene({ url: shop.url, flows: [flow] }))
  const flows = await Promise.all(Array.from({ length: 300 }, (_, index) => scene.engine.start(request(`k${index}`))))
  await until('the first have begun', () => shop.seen.length > 0)
  release()
  const ended = await Promise.all(flows.map(({ id }) => endOf(scene.engine, id, 30_000)))
  expect(ended.filter(({ state }) => state === 'completed')).toHaveLength(300)
}, 60_000)

test('who waits is told when the time is over, or when nobody waits any more', async () => {
  const { shop } = await gatedShop()
  const scene = kept(flowScene({ url: shop.url, flows: [flow] }))
  const { id } = await scene.engine.start(request('k'))
  const gone = new AbortController()
  expect((await scene.engine.wait(id, 10, gone.signal))?.state).toBe('running')
  const waited = scene.engine.wait(id, 60_000, gone.signal)
  gone.abort()
  expect((await waited)?.state).toBe('running')
  expect(await scene.engine.wait('flow_unknown', 60_000, gone.signal)).toBe(undefined)
})
