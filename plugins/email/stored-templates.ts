import { ProviderFailure } from '../../gateway/plugin.ts'
import type { AdapterContext, FailureKind, Json, OperationCall, OperationDefinition, OperationHandlers } from '../../gateway/plugin.ts'
import { fieldsOf } from './events.ts'
import { durationMs } from './settings.ts'

/** As `get_template` returns it, without `stale`. */
export interface StoredTemplate {
  readonly id: string
  readonly name?: string
  readonly subject?: string
  readonly text?: string
  readonly html?: string
}

export const getTemplateOperation: OperationDefinition = {
  summary: 'Reads a template; from a copy where there is a fresh one, or while the provider is away.',
  input: {
    type: 'object',
    additionalProperties: false,
    required: ['id'],
    description: 'A template.',
    properties: { id: { type: 'string', minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]*$', description: 'Its id.' } },
  },
  output: {
    type: 'object',
    additionalProperties: false,
    required: ['id'],
    description: 'The template as it is stored, with its placeholders.',
    properties: {
      id: { type: 'string', description: 'Its id.' },
      name: { type: 'string', description: 'Its name.' },
      subject: { type: 'string', description: 'Its subject.' },
      text: { type: 'string', description: 'Its plain text.' },
      html: { type: 'string', description: 'Its HTML.' },
      stale: { type: 'boolean', description: 'True: an older copy, because the provider does not answer.' },
    },
  },
  idempotency: 'inherent',
  duplicates: 'tolerable',
  kinds: ['template_error'],
  local: true,
}

export interface StoredTemplates {
  readonly handlers: OperationHandlers
  /** @throws {ProviderFailure} `template_error` when the provider said a short while ago that there is no such template. */
  ensureKnown(id: string): void
  markMissing(id: string): void
}

/** A template as the provider has it, of which what is no text is left out. */
export type LoadedTemplate = Readonly<Partial<Record<'name' | 'subject' | 'text' | 'html', Json | undefined>>>

/** @throws {ProviderFailure} `not_found` where there is none. */
type LoadTemplate = (id: string, signal: AbortSignal) => Promise<LoadedTemplate>

const maxTemplates = 500
/** A template that was just created should not be refused for long. */
const missingMs = 60_000
const away: ReadonlySet<FailureKind> = new Set(['network_error', 'timeout', 'service_down', 'provider_error', 'rate_limited', 'invalid_response'])

export const noTemplate = (): ProviderFailure =>
  new ProviderFailure('template_error', 'the provider has no such template', { executed: 'no', code: 'template_missing' })

/**
 * Copies of templates, and which ones there are not; the least recently used are forgotten.
 * @param context Its settings have `templatesSetting`.
 */
export function storedTemplates({ settings, now: clock }: Pick<AdapterContext, 'settings' | 'now'>, load: LoadTemplate): StoredTemplates {
  const ttlMs = durationMs(fieldsOf(settings['templates'])['ttl'])
  const now = (): number => clock()
  const known = new Map<string, { readonly template: StoredTemplate | undefined; readonly atMs: number }>()
  const lookUp = (id: string) => {
    const found = known.get(id)
    if (found !== undefined) remember(id, found)
    return found
  }
  const remember = (id: string, entry: { readonly template: StoredTemplate | undefined; readonly atMs: number }): void => {
    known.delete(id)
    known.set(id, entry)
    const [oldest] = known.keys()
    if (known.size > maxTemplates && oldest !== undefined) known.delete(oldest)
  }
  const markMissing = (id: string): void => remember(id, { template: undefined, atMs: now() })
  const ensureKnown = (id: string): void => {
    const found = lookUp(id)
    if (found !== undefined && found.template === undefined && now() - found.atMs < Math.min(missingMs, ttlMs)) throw noTemplate()
  }
  const run = async ({ input, signal }: OperationCall): Promise<Json> => {
    const { id } = input as { readonly id: string }
    ensureKnown(id)
    const copy = lookUp(id)
    if (copy?.template !== undefined && now() - copy.atMs < ttlMs) return { ...copy.template }
    try {
      const template = { id, ...texts(await load(id, signal)) }
      remember(id, { template, atMs: now() })
      return { ...template }
    } catch (error) {
      if (!(error instanceof ProviderFailure)) throw error
      if (error.kind === 'not_found') {
        markMissing(id)
        throw noTemplate()
      }
      if (copy?.template !== undefined && away.has(error.kind)) return { ...copy.template, stale: true }
      throw error
    }
  }
  const local = ({ input }: OperationCall): Json | undefined => {
    const copy = lookUp((input as { readonly id: string }).id)
    return copy?.template === undefined ? undefined : { ...copy.template, stale: true }
  }
  return { handlers: { run, local }, ensureKnown, markMissing }
}

const texts = (fields: LoadedTemplate): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
