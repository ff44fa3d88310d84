import type { IncomingHttpHeaders } from 'node:http'
import type { CorsConfig } from '../../config/model.ts'

/** What a route says about other origins (Fetch standard, CORS protocol). */
export interface Cors {
  /** Headers of the answer to a preflight request; undefined when the request is none. */
  preflight(method: string, headers: IncomingHttpHeaders): string[] | undefined
  /** Headers added to an ordinary answer. */
  headers(origin: string | undefined): readonly string[]
}

/** Response headers that an upstream must not set beside ours. */
export const corsHeaderNames = ['access-control-allow-origin', 'access-control-allow-credentials', 'access-control-expose-headers'] as const

export function cors(config: CorsConfig): Cors {
  const any = config.origins.includes('*')
  const origins = new Set(config.origins)
  const credentials = config.credentials ? ['access-control-allow-credentials', 'true'] : []
  const exposed = config.exposeHeaders.length > 0 ? ['access-control-expose-headers', config.exposeHeaders.join(', ')] : []
  const preflightOnly = [
    ['access-control-allow-methods', config.methods.join(', ')],
    config.headers.length > 0 ? ['access-control-allow-headers', config.headers.join(', ')] : [],
    ['access-control-max-age', String(config.maxAgeSeconds)],
  ].flat()
  const vary = any ? [] : ['vary', 'Origin']

  const allowed = (origin: string | undefined): readonly string[] | undefined => {
    if (origin === undefined || !(any || origins.has(origin))) return undefined
    return ['access-control-allow-origin', any ? '*' : origin, ...credentials]
  }

  return {
    preflight: (method, headers) => {
      if (method !== 'OPTIONS' || headers.origin === undefined || headers['access-control-request-method'] === undefined) return undefined
      const granted = allowed(headers.origin)
      return granted === undefined ? [...vary] : [...granted, ...preflightOnly, ...vary]
    },
    headers: (origin) => {
      const granted = allowed(origin)
      return granted === undefined ? vary : [...granted, ...exposed, ...vary]
    },
  }
}
