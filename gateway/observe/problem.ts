import { errorCatalogue } from '../errors.ts'
import type { ErrorCode, GatewayError } from '../errors.ts'

export const problemContentType = 'application/problem+json'
/** Start of every problem type; `docs/errors.md` has a section for each. */
export const problemTypeBase = 'urn:headgate:error:'

/** `UPSTREAM_TIMEOUT` to `upstream-timeout`: the end of the problem type, and the name of the section in the docs. */
export const problemSlug = (code: string): string => code.toLowerCase().replaceAll('_', '-')

const heads: ReadonlyMap<string, string> = new Map(
  Object.entries(errorCatalogue).map(([code, { status, title }]) => [
    code,
    JSON.stringify({ type: `${problemTypeBase}${problemSlug(code)}`, title, status, code }).slice(0, -1),
  ]),
)

/**
 * Body for the caller, RFC 9457: type, title, status, code, detail where there is one, trace_id.
 * Holds our own words only, never upstream text.
 * @param error A GatewayError, or code and detail where nothing was thrown.
 */
export const problem = (
  error: Pick<GatewayError, 'code' | 'detail'> | { readonly code: ErrorCode; readonly detail?: string },
  traceId: string,
): string =>
  `${heads.get(error.code) ?? '{'}${error.detail === undefined ? '' : `,"detail":${JSON.stringify(error.detail)}`},"trace_id":"${traceId}"}`
