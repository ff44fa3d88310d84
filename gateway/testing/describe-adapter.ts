import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { IntegrationConfig, JsonValue } from '../../config/model.ts'
import { adapterProblems, operationProblems } from '../integrations/adapter-shape.ts'
import type { Adapter, Json, OperationDefinition } from '../plugin.ts'
import { adapterHarness, type AdapterHarness } from './adapter-harness.ts'
import { faultCases, type Scene } from './adapter-faults.ts'
import { faultRelay } from './fault-relay.ts'

/** Where tests are registered: those of `node:test` by default, `{ describe, test, after: afterAll }` of vitest fit as well. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown
  test(name: string, body: () => Promise<void>): unknown
  /** Of the suite around it. */
  after(body: () => Promise<void>): unknown
}

export interface DescribeAdapterOptions {
  /** Starts what stands in for the provider: a server on this machine. Its faults are made by the suite. */
  start(): Promise<{ readonly baseUrl: string; close(): Promise<void> | void }>
  readonly auth?: IntegrationConfig['auth']
  /** With what has to point to the stand-in, where that is a setting. */
  readonly settings?: Readonly<Record<string, JsonValue>> | ((baseUrl: string) => Readonly<Record<string, JsonValue>>)
  /** Settings of declared operations, by name. */
  readonly operations?: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>
  /** Values of `${secret:name#field}`, by `name#field`: none of them may show in a failure. */
  readonly secrets?: Readonly<Record<string, string>>
  /** For every operation an input that works, or how it is made: a refund needs a payment. Asked anew for each intent. */
  readonly examples: Readonly<Record<string, Example>>
}

export type Example = Json | ((call: (operation: string, input: Json) => Promise<Json>) => Json | Promise<Json>)

/**
 * What the gateway relies on, as tests of one adapter: its declarations, what its operations take and give, how it reads failures of the provider,
 * that a repetition carries its key, that failures show no secrets, that `close` leaves nothing open. Speaks HTTP to a real server.
 */
export const describeAdapter = (adapter: Adapter, options: DescribeAdapterOptions, runner: TestRunner = { describe, test, after }): void => {
  runner.describe(`adapter ${adapter.type}`, () => {
    let scene: Promise<OpenScene> | undefined
    const opened = (): Promise<OpenScene> => (scene ??= open(adapter, options))
    runner.after(async () => (await scene)?.close())

    runner.test('declares what the gateway has to know', async () => {
      assert.deepEqual(adapterProblems(adapter), [])
      const { definitions } = await opened()
      const names = Object.keys(definitions)
      assert.deepEqual(
        Object.entries(definitions).flatMap(([name, definition]) => operationProblems(name, definition, names)),
        [],
      )
    })
    runner.test('has handlers for its operations, and no others', async () => {
      const { definitions, adapter: harness } = await opened()
      assert.deepEqual(Object.keys(harness.instance.operations).toSorted(), Object.keys(definitions).toSorted())
    })
    runner.test('has an example for every operation', async () => {
      const { definitions } = await opened()
      assert.deepEqual(Object.keys(options.examples).toSorted(), Object.keys(definitions).toSorted())
    })
    runner.test('can be probed', async () => {
      const { adapter: harness } = await opened()
      await harness.instance.probe?.({ signal: AbortSignal.timeout(10_000) })
    })
    runner.test('refuses a webhook that proves nothing', async () => {
      const { adapter: harness } = await opened()
      const webhook = { method: 'POST', url: '/', headers: { 'content-type': 'application/json' }, body: Buffer.from('{}') }
      if (adapter.webhook === undefined) assert.equal(harness.instance.webhook, undefined)
      if (harness.instance.webhook !== undefined)
        await assert.rejects(harness.instance.webhook(webhook, { signal: AbortSignal.timeout(10_000) }), { name: 'WebhookRejected' })
    })
    for (const operation of Object.keys(options.examples)) describeOperation(operation, opened, runner, shownSecrets(options))
    runner.test('leaves no connection open when it is closed', async () => {
      const { relay, baseUrl, input } = await opened()
      const own = await harnessAt(adapter, options, baseUrl)
      const before = await relay.connections()
      const [operation] = Object.keys(options.examples)
      if (operation !== undefined) await own.call(operation, await input(operation))
      await own.close()
      const end = Date.now() + 5000
      while ((await relay.connections()) > before && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
      assert.ok((await relay.connections()) <= before, 'connections to the provider are still open')
    })
  })
}

interface OpenScene extends Scene {
  readonly baseUrl: string
  readonly definitions: Readonly<Record<string, OperationDefinition>>
  close(): Promise<void>
}

const open = async (adapter: Adapter, options: DescribeAdapterOptions): Promise<OpenScene> => {
  const standIn = await options.start()
  const { origin, pathname } = new URL(standIn.baseUrl)
  const relay = await faultRelay(origin)
  const baseUrl = `${relay.url}${pathname.replace(/\/$/, '')}`
  const harness = await harnessAt(adapter, options, baseUrl)
  const input = async (operation: string): Promise<Json> => {
    const example = options.examples[operation]
    if (example === undefined) throw new Error(`there is no example for ${operation}`)
    return typeof example === 'function' ? example((name, of) => harness.call(name, of)) : example
  }
  const close = async (): Promise<void> => {
    await harness.close()
    await relay.close()
    await standIn.close()
  }
  return { relay, baseUrl, adapter: harness, definitions: harness.operations, input, close }
}

const harnessAt = (adapter: Adapter, { auth, settings, operations, secrets }: DescribeAdapterOptions, baseUrl: string): Promise<AdapterHarness> =>
  adapterHarness(adapter, {
    baseUrl,
    ...(auth === undefined ? {} : { auth }),
    ...(settings === undefined ? {} : { settings: typeof settings === 'function' ? settings(baseUrl) : settings }),
    ...(operations === undefined ? {} : { operations }),
    ...(secrets === undefined ? {} : { secrets }),
  })

const describeOperation = (operation: string, opened: () => Promise<OpenScene>, runner: TestRunner, secrets: readonly string[]): void => {
  runner.describe(operation, () => {
    runner.test('takes its example, and gives what it promises', async () => {
      const { adapter, input } = await opened()
      await adapter.call(operation, await input(operation))
    })
    runner.test('makes inputs for what undoes it', async () => {
      const { adapter, definitions, input } = await opened()
      const undo = definitions[operation]?.undo ?? {}
      if (Object.keys(undo).length === 0) return
      const given = await input(operation)
      const output = await adapter.call(operation, given)
      for (const [name, make] of Object.entries(undo)) adapter.fits(name, make({ input: given, output }))
    })
    for (const { name, run } of faultCases(operation, secrets))
      runner.test(name, async () => {
        const scene = await opened()
        await run(scene, scene.definitions[operation])
      })
  })
}

/** Texts that no failure may show. */
const shownSecrets = ({ auth, secrets }: DescribeAdapterOptions): readonly string[] => {
  const written = ['token', 'key', 'password', 'client_secret', 'secret_access_key', 'session_token'].flatMap((name) => auth?.[name] ?? [])
  return [...Object.values(secrets ?? {}), ...written.filter((text) => typeof text === 'string')].filter(
    (text) => !text.includes('${') && text.length > 5,
  )
}
