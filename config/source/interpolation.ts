export type Environment = Readonly<Record<string, string | undefined>>

export type InterpolationProblem =
  | { readonly kind: 'missing'; readonly name: string; readonly start: number; readonly end: number }
  | { readonly kind: 'secret'; readonly reference: string; readonly start: number; readonly end: number }
  | { readonly kind: 'syntax'; readonly reference: string; readonly start: number; readonly end: number }

export interface Interpolation {
  readonly text: string
  readonly problems: readonly InterpolationProblem[]
}

const reference = /\$\$\{|\$\{([^{}]*)(\}?)/g
const environmentReference = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/**
 * Replaces `${env:NAME}` and `${env:NAME:-default}`; `$${` stands for `${`. What is put in is not looked at again.
 * Offsets of problems are within `text`.
 */
export const interpolate = (text: string, env: Environment): Interpolation => {
  const problems: InterpolationProblem[] = []
  const result = text.replace(reference, (whole: string, inner: string | undefined, close: string | undefined, start: number) => {
    if (whole === '$${') return '${'
    const place = { start, end: start + whole.length }
    const [, name, fallback] = environmentReference.exec(inner ?? '') ?? []
    if (name === undefined || close === '') {
      problems.push(
        inner?.startsWith('secret:') && close !== ''
          ? { kind: 'secret', reference: whole, ...place }
          : { kind: 'syntax', reference: whole, ...place },
      )
      return ''
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (value !== undefined && (value !== '' || fallback === undefined)) return value
    if (fallback !== undefined) return fallback
    problems.push({ kind: 'missing', name, ...place })
    return ''
  })
  return { text: result, problems }
}
