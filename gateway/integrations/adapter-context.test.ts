import { describe, expect, test } from 'vitest'
import type { IntegrationConfig, JsonValue } from '../../config/model.ts'
import type { AdapterLog } from '../plugin.ts'
import { adapterContext, type AdapterContextConfig, type OpenAdapterContext } from './adapter-context.ts'

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    channel: { type: 'string', description: 'Shown.' },
    secret: { type: 'string', writeOnly: true, description: 'Not shown.' },
    hooks: {
      type: 'array',
      description: 'Some of it shown.',
      items: { type: 'object', properties: { url: { type: 'string' }, key: { type: 'string', writeOnly: true } } },
    },
    headers: { type: 'object', description: 'Shown.', additionalProperties: { type: 'string' } },
  },
}

interface Given {
  readonly auth?: IntegrationConfig['auth']
  readonly settings?: Readonly<Record<string, JsonValue>>
  readonly operations?: AdapterContextConfig['operations']
  readonly reveal?: (text: string) => string
}

const open = ({
  auth = { type: 'none' },
  settings = {},
  operations = [],
  reveal = (text) => `<${text}>`,
}: Given): OpenAdapterContext & { readonly lines: unknown[] } => {
  const lines: unknown[] = []
  const log = (own: object): AdapterLog => {
    const write = (fields: object, message: string): void => void lines.push({ ...own, ...fields, message })
    return { debug: write, info: write, warn: write, error: write }
  }
  const opened = adapterContext(
    { name: 'sms', baseUrl: 'http://127.0.0.1:9', auth, connectTimeoutMs: 1000, timeoutMs: 1000, maxConcurrent: 1, settings, operations },
    {
      adapter: { settings: schema, declared: { settings: schema, define: () => Promise.reject(new Error()) as never } },
      secrets: { reveal },
      log: { ...log({}), child: log },
      now: () => 7,
    },
  )
  return { ...opened, lines }
}

describe('settings', () => {
  test('come without secrets, wherever they stand', () => {
    const settings = { channel: 'a', secret: 'b', hooks: [{ url: 'c', key: 'd' }], headers: { x: 'e' } }
    const { context } = open({ settings, operations: [{ name: 'send', settings }] })
    const shown = { channel: 'a', hooks: [{ url: 'c' }], headers: { x: 'e' } }
    expect([context.settings, context.operations]).toEqual([shown, { send: shown }])
  })

  test('a reference to a secret where the adapter expects a plain value is refused', () => {
    expect(() => open({ settings: { channel: '${secret:a#b}' } })).toThrow('settings.channel takes no secret: the adapter does not mark it as one')
    expect(() => open({ operations: [{ name: 'send', settings: { headers: { x: 'Key ${secret:a#b}' } } }] })).toThrow(
      'operations.send.settings.headers.x takes no secret',
    )
  })
})

describe('auth', () => {
  test('shows its kind and what is no secret', () => {
    expect(open({ auth: { type: 'basic', username: 'ada', password: 'b' } }).context.auth).toEqual({ type: 'basic', username: 'ada' })
    expect(open({ auth: { type: 'basic', username: '${secret:a#b}', password: 'b' } }).context.auth).toEqual({ type: 'basic' })
    const aws = { type: 'aws', access_key_id: 'id', secret_access_key: 'b', session_token: 'c', region: 'eu' } as const
    expect(open({ auth: aws }).context.auth).toEqual({ type: 'aws', access_key_id: 'id', region: 'eu' })
  })
})

describe('secrets', () => {
  test('are found by their place, as they are at this moment', () => {
    let value = 'old'
    const { context } = open({
      auth: { type: 'bearer', token: '${secret:a#b}' },
      settings: { secret: 'c', hooks: [{ key: 'd' }] },
      operations: [{ name: 'send', settings: { secret: 'e' } }],
      reveal: (text) => `${value} ${text}`,
    })
    expect(context.secret('auth.token')).toBe('old ${secret:a#b}')
    value = 'new'
    const paths = ['auth.token', 'settings.secret', 'settings.hooks.0.key', 'operations.send.settings.secret']
    expect(paths.map((path) => context.secret(path))).toEqual(['new ${secret:a#b}', 'new c', 'new d', 'new e'])
  })

  test('that the configuration does not give are undefined, and nothing else can be reached', () => {
    const { context } = open({ settings: { channel: 'a' } })
    const paths = [
      'settings.secret',
      'settings.constructor',
      'settings.channel.length',
      'baseUrl',
      'operations.send.settings.secret',
      'operations.send.name',
      '',
    ]
    expect(paths.map((path) => context.secret(path))).toEqual(paths.map(() => undefined))
    expect(() => context.secret('settings')).toThrow('settings is not a text')
  })
})

test('lines of the adapter carry the name of the integration; time and templates are at hand', () => {
  const { context, lines } = open({})
  context.log.warn({ attempt: 1 }, 'hm')
  expect(lines).toEqual([{ integration: 'sms', attempt: 1, message: 'hm' }])
  expect([context.now(), context.template({ a: '{{ input.b }}' }, ['input'])({ input: { b: 2 } })]).toEqual([7, { a: 2 }])
})
