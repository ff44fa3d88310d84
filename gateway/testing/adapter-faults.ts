import assert from 'node:assert/strict'
import { failureKinds, type FailureKind, type Json, type OperationDefinition, type ProviderFailure } from '../plugin.ts'
import type { AdapterHarness } from './adapter-harness.ts'
import type { FaultRelay, RelayFault, RelayedRequest } from './fault-relay.ts'

/** What the tests of one adapter share. */
export interface Scene {
  readonly relay: FaultRelay
  readonly adapter: AdapterHarness
  /** A new input that works. */
  input(operation: string): Promise<Json>
}

interface FaultCase {
  readonly name: string
  run(scene: Scene, definition: OperationDefinition | undefined): Promise<void>
}

/** Kinds after which the gateway tries again: wrong for what will never work. */
const passing: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'network_error',
  'timeout',
  'service_down',
  'provider_error',
  'rate_limited',
  'in_progress',
])
const settleMs = 5000

/** What has to come of each failure of the provider. Operations that ask it nothing are left alone. */
export const faultCases = (operation: string, secrets: readonly string[]): readonly FaultCase[] => {
  const faulty = async (scene: Scene, fault: RelayFault, check: (failure: ProviderFailure) => void, signal?: AbortSignal): Promise<void> => {
    const methods = await methodsOf(scene, operation)
    if (methods === undefined) return
    const input = await scene.input(operation)
    scene.relay.forget()
    scene.relay.inject(fault, methods)
    const ended = await settled(scene.adapter.call(operation, input, signal === undefined ? {} : { signal }))
    scene.relay.forget()
    check(failureIn(ended, secrets))
  }
  const answered = (status: number, body: string, check: (failure: ProviderFailure) => void, headers: Readonly<Record<string, string>> = {}) => {
    return (scene: Scene): Promise<void> => faulty(scene, { type: 'answer', status, headers, body }, check)
  }
  /** What has no effect cannot have had one: only for others it matters that it is unknown. */
  const mayHaveHappened = (kind: FailureKind, definition: OperationDefinition | undefined) => (failure: ProviderFailure) => {
    assert.equal(failure.kind, kind)
    if (definition?.idempotency !== 'inherent') assert.equal(failure.executed, 'unknown')
  }
  const has = (kind: FailureKind, executed: ProviderFailure['executed']) => (failure: ProviderFailure) => {
    assert.deepEqual({ kind: failure.kind, executed: failure.executed }, { kind, executed })
  }
  return [
    {
      name: '429 with Retry-After is `rate_limited`, not executed, and says how long to wait',
      run: answered(
        429,
        '{}',
        (failure) => {
          has('rate_limited', 'no')(failure)
          assert.equal(failure.retryAfterMs, 7000)
        },
        { 'retry-after': '7' },
      ),
    },
    { name: '503 is `service_down`, not executed', run: answered(503, '{}', has('service_down', 'no')) },
    {
      name: '500 is `provider_error`, and may have been executed',
      run: (scene, definition) => answered(500, '{}', mayHaveHappened('provider_error', definition))(scene),
    },
    {
      name: '400 will not pass by itself, and was not executed',
      run: answered(400, '{}', (failure) => {
        assert.ok(!passing.has(failure.kind), `${failure.kind} would be tried again`)
        assert.equal(failure.executed, 'no')
      }),
    },
    {
      name: '401 is `unauthorized`, not executed',
      // Lasting: a token that is refused once is replaced.
      run: (scene) => faulty(scene, { type: 'answer', status: 401, body: '{}', lasting: true }, has('unauthorized', 'no')),
    },
    {
      name: 'an answer that is not JSON is `invalid_response`, where it matters',
      run: async (scene, definition) => {
        const methods = await methodsOf(scene, operation)
        if (methods === undefined) return
        const input = await scene.input(operation)
        scene.relay.inject({ type: 'answer', status: 200, body: '<html>' }, methods)
        const ended = await settled(scene.adapter.call(operation, input))
        scene.relay.forget()
        // An adapter that takes nothing from the answer may well be content.
        if ('output' in ended) return
        const failure = failureIn(ended, secrets)
        assert.equal(failure.kind, 'invalid_response')
        if (definition?.idempotency !== 'inherent') assert.notEqual(failure.executed, 'no')
      },
    },
    {
      name: 'an answer that is lost is `network_error`, and may have been executed',
      run: (scene, definition) => faulty(scene, { type: 'lose_answer' }, mayHaveHappened('network_error', definition)),
    },
    {
      name: 'an attempt that is given up ends at once as `timeout`, and may have been executed',
      run: (scene, definition) => {
        const attempt = new AbortController()
        return faulty(scene, { type: 'hang', onRequest: () => attempt.abort() }, mayHaveHappened('timeout', definition), attempt.signal)
      },
    },
    {
      name: 'a repetition carries the key of its intent, and another intent another one',
      run: async (scene, definition) => {
        if (definition?.idempotency !== 'key') return
        const [once, again, other] = [
          await sentWith(scene, operation, 'hg_first'),
          await sentWith(scene, operation, 'hg_first'),
          await sentWith(scene, operation, 'hg_second'),
        ]
        if (once.length === 0) return
        assert.ok(carriesKey(once, again, other), 'no header or body names the intent')
      },
    },
  ]
}

/** Requests with effect that one call makes; the input is that of the example. */
const sentWith = async (scene: Scene, operation: string, key: string): Promise<readonly RelayedRequest[]> => {
  const input = await scene.input(operation)
  scene.relay.forget()
  await settled(scene.adapter.call(operation, input, { key }))
  const sent = scene.relay.seen.filter(({ method }) => method !== 'GET')
  scene.relay.forget()
  return sent
}

/** The key as it is, or a header made of it: the same for both attempts of one intent, another one for the other intent. */
const carriesKey = (once: readonly RelayedRequest[], again: readonly RelayedRequest[], other: readonly RelayedRequest[]): boolean => {
  const literal = (requests: readonly RelayedRequest[], key: string): boolean =>
    requests.some(({ url, headers, body }) => [url, body, ...Object.values(headers)].some((text) => text.includes(key)))
  if (literal(once, 'hg_first') && literal(again, 'hg_first') && literal(other, 'hg_second') && !literal(other, 'hg_first')) return true
  const values = (requests: readonly RelayedRequest[], name: string): string => requests.map(({ headers }) => headers[name] ?? '').join(' ')
  const names = once.flatMap(({ headers }) => Object.keys(headers)).filter((name) => name !== 'content-length')
  return names.some((name) => values(once, name) === values(again, name) && values(once, name) !== values(other, name))
}

/**
 * Which requests to disturb: those with effect where there are some. Undefined for operations that ask the provider nothing.
 * The first call may fetch what is kept then, such as tokens; the second shows what each call needs.
 */
const methodsOf = async (scene: Scene, operation: string): Promise<readonly string[] | undefined> => {
  await scene.adapter.call(operation, await scene.input(operation))
  const input = await scene.input(operation)
  scene.relay.forget()
  await scene.adapter.call(operation, input)
  const methods = [...new Set(scene.relay.seen.map(({ method }) => method))]
  scene.relay.forget()
  if (methods.length === 0) return undefined
  const withEffect = methods.filter((method) => method !== 'GET')
  return withEffect.length > 0 ? withEffect : methods
}

type Settled = { readonly output: Json } | { readonly error: unknown }

const settled = async (call: Promise<Json>): Promise<Settled> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Settled>((resolve) => {
    timer = setTimeout(() => resolve({ error: new Error(`the call has not ended after ${settleMs} ms`) }), settleMs)
  })
  try {
    return await Promise.race([call.then((output) => ({ output })).catch((error: unknown) => ({ error })), late])
  } finally {
    clearTimeout(timer)
  }
}

/** The failure of a call; it shows no secret. */
const failureIn = (ended: Settled, secrets: readonly string[]): ProviderFailure => {
  assert.ok('error' in ended, 'the call has succeeded')
  const { error } = ended
  assert.ok(isFailure(error), `what was thrown is no ProviderFailure: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  const shown = [error.message, error.code ?? ''].join(' ')
  for (const secret of secrets) assert.ok(!shown.includes(secret), 'a failure shows a secret')
  return error
}

/** By its name: the adapter may have another copy of the class. */
const isFailure = (error: unknown): error is ProviderFailure =>
  error instanceof Error &&
  error.name === 'ProviderFailure' &&
  'kind' in error &&
  typeof error.kind === 'string' &&
  Object.hasOwn(failureKinds, error.kind)
