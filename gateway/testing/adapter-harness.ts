import { randomBytes } from 'node:crypto'
import { compileTemplate } from '../../config/templates/template.ts'
import { adapterSchema } from '../../config/values/adapter-schema.ts'
import type { IntegrationConfig, JsonValue } from '../../config/model.ts'
import { adapterContext } from '../integrations/adapter-context.ts'
import type { Adapter, AdapterContext, AdapterInstance, Json, Lookup, OperationDefinition } from '../plugin.ts'
import type { Secrets } from '../secrets/secrets.ts'

export interface AdapterHarnessOptions {
  readonly baseUrl?: string
  readonly auth?: IntegrationConfig['auth']
  readonly settings?: Readonly<Record<string, JsonValue>>
  /** Settings of declared operations, by name. */
  readonly operations?: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>
  /** Values of `${secret:name#field}`, by `name#field`. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly now?: () => number
  readonly tls?: IntegrationConfig['tls']
  readonly connectTimeoutMs?: number
  /** Of the fetch of a token. Default 30 s. */
  readonly timeoutMs?: number
}

export interface CallOptions {
  readonly key?: string
  readonly attempt?: number
  readonly firstAttemptAtMs?: number
  readonly signal?: AbortSignal
}

export interface AdapterHarness {
  readonly instance: AdapterInstance
  readonly context: AdapterContext
  /** Definitions of all operations, those included that the settings declare. */
  readonly operations: Readonly<Record<string, OperationDefinition>>
  /** What the adapter has logged. */
  readonly lines: readonly { readonly level: string; readonly fields: object; readonly message: string }[]
  /** One attempt; input and output have to fit the schemas of the operation. */
  call(operation: string, input: Json, options?: CallOptions): Promise<Json>
  lookup(operation: string, input: Json, options?: CallOptions): Promise<Lookup>
  /** @throws Error where the input does not fit the schema of the operation. */
  fits(operation: string, input: Json): void
  close(): Promise<void>
}

/** An adapter as the gateway makes it: settings checked and filled in, real connections, secrets revealed when they are used. */
export const adapterHarness = async (adapter: Adapter, options: AdapterHarnessOptions = {}): Promise<AdapterHarness> => {
  const settings = filled('settings', adapter.settings, options.settings ?? {})
  const declared = Object.entries(options.operations ?? {}).map(([name, own]) => {
    if (adapter.declared === undefined) throw new Error(`${adapter.type} takes no settings of operations`)
    return { name, settings: filled(`operations.${name}.settings`, adapter.declared.settings, own) }
  })
  const operations: Record<string, OperationDefinition> = { ...adapter.operations }
  for (const { name, settings: own } of declared) if (adapter.declared) operations[name] = adapter.declared.define(name, own, compileTemplate)
  const lines: { level: string; fields: object; message: string }[] = []
  const { context, close } = adapterContext(
    {
      name: 'under_test',
      baseUrl: (options.baseUrl ?? (adapter.baseUrl || '')).replace(/\/$/, ''),
      auth: options.auth ?? { type: 'none' },
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      connectTimeoutMs: options.connectTimeoutMs ?? 5000,
      timeoutMs: options.timeoutMs ?? 30_000,
      maxConcurrent: 100,
      settings,
      operations: declared,
    },
    { adapter, secrets: secretsOf(options.secrets ?? {}), log: logInto(lines), now: options.now ?? Date.now },
  )
  const instance = await adapter.create(context)

  const prepared = (operation: string, input: Json, { key, attempt, firstAttemptAtMs, signal }: CallOptions) => {
    const definition = operations[operation]
    const handlers = instance.operations[operation]
    if (definition === undefined || handlers === undefined) throw new Error(`${adapter.type} has no operation ${operation}`)
    const filledIn = demand(`input of ${operation}`, definition.input, input)
    const call = {
      input: filledIn,
      key: key ?? `hg_${randomBytes(32).toString('base64url')}`,
      attempt: attempt ?? 1,
      firstAttemptAtMs: firstAttemptAtMs ?? context.now(),
      signal: signal ?? new AbortController().signal,
    }
    return { definition, handlers, call }
  }
  return {
    instance,
    context,
    operations,
    lines,
    call: async (operation, input, callOptions = {}) => {
      const { definition, handlers, call } = prepared(operation, input, callOptions)
      const output = await handlers.run(call)
      demand(`output of ${operation}`, definition.output, output)
      return output
    },
    lookup: async (operation, input, callOptions = {}) => {
      const { definition, handlers, call } = prepared(operation, input, callOptions)
      if (handlers.lookup === undefined) throw new Error(`${operation} cannot be asked after`)
      const found = await handlers.lookup(call)
      if (found.found === 'done') demand(`output of ${operation}`, definition.output, found.output)
      return found
    },
    fits: (operation, input) => void prepared(operation, input, {}),
    close: async () => {
      await instance.close?.()
      await close()
    },
  }
}

const filled = (place: string, schema: Adapter['settings'], value: Readonly<Record<string, JsonValue>>): Readonly<Record<string, JsonValue>> => {
  const copy = structuredClone(value)
  const wrong = adapterSchema(schema, { useDefaults: true })(copy)
  if (wrong.length > 0) throw new Error(`${place}: ${wrong.map(({ pointer, message }) => `${pointer} ${message}`).join('; ')}`)
  return copy
}

/** With defaults filled in, as the gateway does it. */
const demand = (place: string, schema: Adapter['settings'], value: Json): Json => {
  const copy = structuredClone(value)
  const wrong = adapterSchema(schema, { useDefaults: true })(copy)
  if (wrong.length > 0) throw new Error(`${place} does not fit: ${wrong.map(({ pointer, message }) => `${pointer} ${message}`).join('; ')}`)
  return copy
}

const secretsOf = (values: Readonly<Record<string, string>>): Secrets => ({
  reveal: (text) =>
    text.replace(/\$\{secret:([^}]+)\}/g, (_whole, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`no secret ${name}`)
      return value
    }),
})

const logInto = (lines: { level: string; fields: object; message: string }[]): Parameters<typeof adapterContext>[1]['log'] => {
  const write =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message })
    }
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  return { ...log, child: () => log }
}
