import { Ajv } from 'ajv'
import {
  type AdapterContext,
  commonKinds,
  type Json,
  type JsonSchema,
  type Lookup,
  type OperationCall,
  type OperationDefinition,
  type OperationHandlers,
} from '../../../gateway/plugin.ts'
import { answerReader, answerVariables, invalid } from './answer.ts'
import { at, requestTemplate, type RequestValues } from './request.ts'
import { durationMs, type OperationSettings } from './settings.ts'

type Compile = AdapterContext['template']

const reads = new Set(['GET', 'HEAD'])
const repeatable = new Set(['GET', 'HEAD', 'PUT', 'DELETE'])

/** @throws Error with a sentence for the author of the configuration. */
export const definition = (name: string, settings: OperationSettings, compile: Compile): OperationDefinition => {
  // Whatever is wrong with the templates shows here, before anything is started.
  compiled(name, settings, compile, () => 0)
  const { method, path, undo = {}, errors = [] } = settings
  const common: readonly string[] = commonKinds
  const kinds = [...new Set(errors.map(({ kind }) => kind))].filter((kind) => !common.includes(kind))
  return {
    summary: settings.summary ?? `${method} ${path}`,
    input: schema('input_schema', settings.input_schema),
    output: schema('output_schema', settings.output_schema),
    idempotency: natureOf(settings),
    keyTtlMs: durationMs(settings.key_ttl),
    duplicates: settings.duplicates ?? (reads.has(method) ? 'tolerable' : 'harmful'),
    ...(kinds.length > 0 && { kinds }),
    ...(Object.keys(undo).length > 0 && {
      undo: Object.fromEntries(
        Object.entries(undo).map(([operation, source]) => {
          const fill = at(`undo.${operation}`, () => compile(source, ['input', 'output']))
          return [operation, (done: { readonly input: Json; readonly output: Json }) => fill({ ...done })]
        }),
      ),
    }),
  }
}

const natureOf = (settings: OperationSettings): 'key' | 'inherent' | 'none' => {
  const { method, idempotency_header: header, path, query, headers, body, form } = settings
  const nature = settings.idempotency ?? (header !== undefined ? 'key' : repeatable.has(method) ? 'inherent' : 'none')
  const sent = header !== undefined || /\{\{[^}]*\bkey\b/.test(JSON.stringify([path, query, headers, body, form]))
  if (nature === 'key' && !sent) throw new Error('`idempotency: key` needs `idempotency_header`, or `{{ key }}` somewhere in the request')
  return nature
}

const schema = (place: string, source: JsonSchema | undefined): JsonSchema => {
  if (source === undefined) return {}
  at(place, () =>
    new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true, validateFormats: false, logger: false }).compile({ ...source }),
  )
  return source
}

/** @throws Error with a sentence for the author of the configuration. */
export const handlers = (
  name: string,
  settings: OperationSettings,
  context: AdapterContext,
  headers: Readonly<Record<string, string>>,
): OperationHandlers => {
  const { request, reader, lookup } = compiled(name, settings, context.template, () => context.now())
  const keyHeader = settings.idempotency_header?.toLowerCase()
  const run = async (call: OperationCall): Promise<Json> => {
    const values = valuesOf(call)
    const { headers: own, ...prepared } = request(values)
    const all = { ...headers, ...own, ...(keyHeader === undefined ? {} : { [keyHeader]: call.key }) }
    const answer = await context.http.request({ ...prepared, headers: all, signal: call.signal })
    return reader.output(reader.success(answer, values))
  }
  if (lookup === undefined) return { run }
  return {
    run,
    lookup: async (call): Promise<Lookup> => {
      const values = valuesOf(call)
      const { headers: own, ...prepared } = lookup.request(values)
      const answer = await context.http.request({ ...prepared, headers: { ...headers, ...own }, signal: call.signal })
      if (answer.status !== 404) {
        const found = lookup.reader.success(answer, values)
        if (lookup.found(found)) return { found: 'done', output: lookup.reader.output(found) }
      }
      return { found: context.now() - call.firstAttemptAtMs >= lookup.absentAfterMs ? 'absent' : 'unknown' }
    },
  }
}

const valuesOf = ({ input, key }: OperationCall): RequestValues => ({ input, key })

const compiled = (name: string, settings: OperationSettings, compile: Compile, now: () => number) => {
  const { lookup } = settings
  return {
    request: requestTemplate(settings, compile),
    reader: answerReader(name, settings, compile, now),
    lookup: lookup === undefined ? undefined : at('lookup', () => question(name, settings, lookup, compile, now)),
  }
}

const question = (
  name: string,
  settings: OperationSettings,
  lookup: NonNullable<OperationSettings['lookup']>,
  compile: Compile,
  now: () => number,
) => {
  const { found, output } = lookup
  if (found?.includes('{{') === true) throw new Error('`found` is a condition without braces')
  const condition = found === undefined ? undefined : at('found', () => compile(`{{ ${found} }}`, answerVariables))
  const { success: _, ...asked } = settings
  return {
    request: requestTemplate({ ...lookup, method: lookup.method }, compile),
    reader: answerReader(`the question after ${name}`, { ...asked, ...(output === undefined ? {} : { output }) }, compile, now),
    absentAfterMs: durationMs(lookup.absent_after),
    found: (values: Parameters<ReturnType<typeof answerReader>['output']>[0]): boolean => {
      if (condition === undefined) return true
      let result: Json
      try {
        result = condition({ ...values })
      } catch (cause) {
        throw invalid(`the question after ${name} was answered with something that \`found\` cannot be read from`, values.status, cause)
      }
      if (typeof result !== 'boolean') throw invalid(`\`found\` of ${name} is neither true nor false`, values.status)
      return result
    },
  }
}
