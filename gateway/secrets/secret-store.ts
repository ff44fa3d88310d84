import type { SecretsConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { secretContent, secretFingerprint } from './secret-file.ts'
import { environmentName, keyOf, type SecretField, secretFields, type SecretUsers, withValues } from './secret-references.ts'
import type { Secrets } from './secrets.ts'

/** Longest time until a changed file counts. */
const defaultRefreshMs = 1000

export interface SecretStore extends Secrets {
  /**
   * Reads every secret that the configuration refers to. From here on `reveal` knows them, so that adapters can be created with them.
   * @throws {GatewayError} SECRET_UNAVAILABLE, which names all that is missing, by file and field.
   */
  prepare(config: SecretUsers): Promise<PreparedSecrets>
  /** Those of the configuration in force. */
  status(): readonly SecretStatus[]
  close(): void
}

export interface PreparedSecrets {
  /** Only the secrets of this configuration are known from now on. */
  enter(): void
  abandon(): void
}

export interface SecretStatus {
  readonly name: string
  /** Undefined for those from the environment. */
  readonly ageMs: number | undefined
  readonly overdue: boolean
  /** Why the files cannot be read; the last values stay in force. */
  readonly trouble: string | undefined
}

export interface SecretStoreDeps {
  /** Of the process; `HEADGATE_SECRET_*` is read. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: { warn(fields: object, message: string): void; info(fields: object, message: string): void }
  /** Milliseconds since the epoch. */
  now(): number
  /** Default 1 s. */
  readonly refreshMs?: number
}

/** A secret in files, with the fields that are in use. */
interface Source {
  readonly name: string
  readonly path: string
  readonly rotationMs: number
  readonly fields: readonly string[]
  fingerprint: string
  writtenAtMs: number
  trouble: string | undefined
  /** When the age that was last complained about began. */
  overdueSinceMs: number | undefined
}

interface Generation {
  readonly root: string
  readonly names: readonly string[]
  readonly sources: readonly Source[]
  /** By `name#field`. */
  readonly values: Map<string, string>
}

const nothing: Generation = { root: '', names: [], sources: [], values: new Map() }

/** Secrets from the environment and from files; files that change count within a second, without a restart. */
export const secretStore = (deps: SecretStoreDeps): SecretStore => {
  let current = nothing
  let prepared: Generation | undefined
  let refreshing = false

  const refresh = async (): Promise<void> => {
    if (refreshing) return
    refreshing = true
    try {
      for (const generation of prepared === undefined ? [current] : [current, prepared])
        for (const source of generation.sources) await refreshed(generation, source, deps)
    } finally {
      refreshing = false
    }
  }
  const timer = setInterval(() => void refresh(), deps.refreshMs ?? defaultRefreshMs)
  timer.unref()

  const valueOf = (field: SecretField): string => {
    const value = prepared?.values.get(keyOf(field)) ?? current.values.get(keyOf(field))
    if (value === undefined) throw new GatewayError('SECRET_UNAVAILABLE', { detail: `The secret ${keyOf(field)} is not there.` })
    return value
  }
  return {
    reveal: (text) => withValues(text, valueOf),
    prepare: async (config) => {
      const generation = await read(config, deps)
      prepared = generation
      const leave = (): void => {
        if (prepared === generation) prepared = undefined
      }
      return {
        enter: () => {
          leave()
          current = generation
        },
        abandon: leave,
      }
    },
    status: () =>
      current.names.map((name) => {
        const source = current.sources.find((one) => one.name === name)
        const ageMs = source === undefined ? undefined : Math.max(0, deps.now() - source.writtenAtMs)
        return { name, ageMs, overdue: ageMs !== undefined && ageMs > (source?.rotationMs ?? Infinity), trouble: source?.trouble }
      }),
    close: () => clearInterval(timer),
  }
}

const read = async (config: SecretUsers, deps: SecretStoreDeps): Promise<Generation> => {
  const problems: string[] = []
  const values = new Map<string, string>()
  const inFiles = new Map<string, string[]>()
  const fields = secretFields(config)
  for (const field of fields) {
    const fromEnvironment = deps.env[environmentName(field)]
    if (fromEnvironment !== undefined && fromEnvironment !== '') values.set(keyOf(field), fromEnvironment)
    else inFiles.set(field.name, [...(inFiles.get(field.name) ?? []), field.field])
  }
  const sources: Source[] = []
  for (const [name, needed] of inFiles) {
    const declared = config.secrets.secrets.find((secret) => secret.name === name)
    if (declared === undefined) {
      problems.push(`${name}: not declared under \`secrets\``)
      continue
    }
    const missing = (lost: readonly string[], reason: string): void => {
      const variables = lost.map((field) => environmentName({ name, field })).join(', ')
      const keys = lost.map((field) => keyOf({ name, field })).join(', ')
      problems.push(`${keys}: ${reason}; ${variables} ${lost.length === 1 ? 'is' : 'are'} not set either`)
    }
    try {
      sources.push(await opened({ ...declared, fields: needed }, config.secrets, values, deps, (field, reason) => missing([field], reason)))
    } catch (error) {
      missing(needed, messageOf(error))
    }
  }
  if (problems.length > 0)
    throw new GatewayError('SECRET_UNAVAILABLE', {
      detail: `Secrets are missing. ${problems.join('. ')}. Files are looked for under ${config.secrets.root}.`,
    })
  return { root: config.secrets.root, names: [...new Set(fields.map(({ name }) => name))], sources, values }
}

const opened = async (
  declared: Pick<Source, 'name' | 'path' | 'rotationMs' | 'fields'>,
  { root }: SecretsConfig,
  values: Map<string, string>,
  deps: SecretStoreDeps,
  report: (field: string, problem: string) => void,
): Promise<Source> => {
  const { name, path, rotationMs, fields } = declared
  const content = await secretContent(root, path, fields)
  for (const [field, found] of content.fields) {
    if ('value' in found) values.set(keyOf({ name, field }), found.value)
    else report(field, found.problem)
  }
  const { fingerprint, writtenAtMs } = content
  const source = { name, path, rotationMs, fields, fingerprint, writtenAtMs, trouble: undefined, overdueSinceMs: undefined }
  remindOfRotation(source, deps)
  return source
}

/** Reads the secret again if its files have changed. What cannot be read any more stays as it was. */
const refreshed = async ({ root, values }: Generation, source: Source, deps: SecretStoreDeps): Promise<void> => {
  const { name, path, fields } = source
  try {
    const fingerprint = await secretFingerprint(root, path, fields)
    if (fingerprint !== source.fingerprint || source.trouble !== undefined) {
      const content = await secretContent(root, path, fields)
      const found = new Map<string, string>()
      for (const [field, one] of content.fields) {
        if ('problem' in one) throw new Error(one.problem)
        found.set(keyOf({ name, field }), one.value)
      }
      const changed = [...found].some(([key, value]) => values.get(key) !== value)
      for (const [key, value] of found) values.set(key, value)
      source.fingerprint = content.fingerprint
      source.writtenAtMs = content.writtenAtMs
      if (changed || source.trouble !== undefined) deps.log.info({ secret: name }, changed ? 'secret changed' : 'secret is readable again')
      source.trouble = undefined
    }
  } catch (error) {
    const trouble = messageOf(error)
    if (trouble !== source.trouble) deps.log.warn({ secret: name, reason: trouble }, 'secret cannot be read; its last values stay in force')
    source.trouble = trouble
  }
  remindOfRotation(source, deps)
}

const remindOfRotation = (source: Source, { log, now }: SecretStoreDeps): void => {
  const ageMs = now() - source.writtenAtMs
  if (ageMs <= source.rotationMs || source.overdueSinceMs === source.writtenAtMs) return
  source.overdueSinceMs = source.writtenAtMs
  const day = 24 * 3600 * 1000
  log.warn(
    { secret: source.name, ageDays: Math.floor(ageMs / day), rotationDays: Math.floor(source.rotationMs / day) },
    'rotation of a secret is overdue',
  )
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
