export type Environment = Readonly<Record<string, string | undefined>>

export type InterpolationProblem =
  | { readonly kind: 'missing'; readonly name: string; readonly start: number; readonly end: number }
  | { readonly kind: 'syntax'; readonly reference: string; readonly start: number; readonly end: number }

/** `${secret:NAME#FIELD}`: stays in the text until the moment of use. */
export interface SecretReference {
  readonly name: string
  readonly field: string
  /** Within the text as written. */
  readonly start: number
  readonly end: number
}

export interface Interpolation {
  readonly text: string
  readonly problems: readonly InterpolationProblem[]
  readonly secrets: readonly SecretReference[]
  /** Whether the text holds what looks like a reference to a secret and is none: written as `$${secret:`, or taken from the environment. */
  readonly looksSecret: boolean
}

const reference = /\$\$\{|\$\{([^{}]*)(\}?)/g
const environmentReference = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s
const secretReference = /^secret:([A-Za-z][A-Za-z0-9_-]*)#([A-Za-z0-9_.-]+)$/

/**
 * Replaces `${env:NAME}` and `${env:NAME:-default}`; `$${` stands for `${`. What is put in is not looked at again. References to secrets
 * stay as they are. Offsets are within `text`.
 */
export const interpolate = (text: string, env: Environment): Interpolation => {
  const problems: InterpolationProblem[] = []
  const secrets: SecretReference[] = []
  const result = text.replace(reference, (whole: string, inner: string | undefined, close: string | undefined, start: number) => {
    if (whole === '$${') return '${'
    const place = { start, end: start + whole.length }
    const [, name, fallback] = environmentReference.exec(inner ?? '') ?? []
    const [, secret, field] = close === '' ? [] : (secretReference.exec(inner ?? '') ?? [])
    if (secret !== undefined && field !== undefined) {
      secrets.push({ name: secret, field, ...place })
      return whole
    }
    if (name === undefined || close === '') {
      problems.push({ kind: 'syntax', reference: whole, ...place })
      return ''
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (value !== undefined && (value !== '' || fallback === undefined)) return value
    if (fallback !== undefined) return fallback
    problems.push({ kind: 'missing', name, ...place })
    return ''
  })
  return { text: result, problems, secrets, looksSecret: result.split('${secret:').length - 1 > secrets.length }
}
