import { type AdapterContext, failureOfStatus, type Json, type ProviderAnswer, ProviderFailure, retryAfterOf } from '../../../gateway/plugin.ts'
import { at, type RequestValues } from './request.ts'
import type { ErrorRule, OperationSettings } from './settings.ts'

type Compile = AdapterContext['template']

/** What templates of answers may use. */
export interface AnswerValues extends RequestValues {
  readonly body: Json
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

export const answerVariables = ['input', 'key', 'body', 'status', 'headers'] as const

export interface AnswerReader {
  /** The values of an answer that is a success. @throws {ProviderFailure} for what is not. */
  success(answer: ProviderAnswer, values: RequestValues): AnswerValues
  /** @throws {ProviderFailure} */
  output(values: AnswerValues): Json
}

/** @throws Error with a sentence for the author of the configuration. */
export const answerReader = (name: string, settings: OperationSettings, compile: Compile, now: () => number): AnswerReader => {
  const { output, error_code: codeTemplate, errors = [], success } = settings
  const fillOutput = output === undefined ? undefined : at('output', () => compile(output, answerVariables))
  const fillCode = codeTemplate === undefined ? undefined : at('error_code', () => compile(codeTemplate, ['body', 'status', 'headers']))
  if (fillCode === undefined && errors.some(({ when }) => when.code !== undefined))
    throw new Error('`errors` speak of a `code`, and there is no `error_code` that says where it stands')
  const isSuccess = (status: number): boolean => (success === undefined ? status >= 200 && status <= 299 : success.includes(status))

  const codeOf = ({ body, status, headers }: AnswerValues): string | undefined => {
    try {
      const code = fillCode?.({ body, status, headers })
      const text = typeof code === 'number' ? String(code) : code
      return typeof text === 'string' && /^[\x21-\x7e]{1,100}$/.test(text) ? text : undefined
    } catch {
      // An error without the code that others have.
      return undefined
    }
  }
  const failure = (values: AnswerValues, code: string | undefined, rule: ErrorRule | undefined): ProviderFailure => {
    const { status } = values
    const byStatus = failureOfStatus(status)
    const retryAfterMs = retryAfterOf(values.headers, now())
    return new ProviderFailure(rule?.kind ?? byStatus.kind, `${name} was answered ${status}${code === undefined ? '' : ` ${code}`}`, {
      executed: rule?.executed ?? byStatus.executed,
      status,
      ...(code === undefined ? {} : { code }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }
  return {
    success: (answer, request) => {
      const { body, broken } = bodyOf(answer)
      const values = { ...request, body, status: answer.status, headers: answer.headers }
      const code = broken ? undefined : codeOf(values)
      const good = isSuccess(answer.status)
      const rule = errors.find(({ when }) => (!good || when.code !== undefined) && fits(when, answer.status, code))
      if (!good || rule !== undefined) throw failure(values, code, rule)
      if (broken) throw invalid(`${name}: the answer is no JSON`, answer.status)
      return values
    },
    output: (values) => {
      if (fillOutput === undefined) return values.body
      try {
        return fillOutput({ ...values })
      } catch (cause) {
        throw invalid(`${name}: the answer does not fill the output: ${cause instanceof Error ? cause.message : ''}`, values.status, cause)
      }
    },
  }
}

/** The effect has probably happened; what it was cannot be read. */
export const invalid = (message: string, status: number, cause?: unknown): ProviderFailure =>
  new ProviderFailure('invalid_response', message, { executed: 'unknown', status, ...(cause === undefined ? {} : { cause }) })

const fits = ({ status, code }: ErrorRule['when'], actual: number, actualCode: string | undefined): boolean => {
  if (code !== undefined && code !== actualCode) return false
  if (status === undefined) return true
  const all = typeof status === 'object' ? status : [status]
  return all.some((one) => (one === '4xx' ? actual >= 400 && actual <= 499 : one === '5xx' ? actual >= 500 : one === actual))
}

const bodyOf = (answer: ProviderAnswer): { readonly body: Json; readonly broken: boolean } => {
  if (answer.body.length === 0) return { body: null, broken: false }
  const type = answer.headers['content-type'] ?? 'application/json'
  if (!/[/+]json\b/.test(type)) return { body: answer.body.toString('utf8'), broken: false }
  try {
    return { body: answer.json(), broken: false }
  } catch {
    return { body: null, broken: true }
  }
}
