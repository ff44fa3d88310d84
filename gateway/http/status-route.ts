import type { CorsConfig, QueueConfig, RouteConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { jobExpiry } from '../messaging/jobs/job-expiry.ts'
import type { JobConsumer } from '../messaging/jobs/job-expiry.ts'
import { isMessageId } from '../messaging/jobs/message-id.ts'
import type { JobStore } from '../messaging/jobs/job-store.ts'
import { jobDocument, jobHeaders } from './job-document.ts'
import { jobWait } from './job-wait.ts'
import type { Exchange } from './exchange.ts'
import { ownRoute } from './own-route.ts'
import type { OwnAnswer, OwnRouteDeps } from './own-route.ts'
import { preferences } from './prefer.ts'
import type { Route } from './route.ts'
import type { StatusDocument, StatusSource } from './status-documents.ts'
import type { StatusWait } from './status-wait.ts'

export interface StatusRouteDeps extends OwnRouteDeps {
  readonly jobs: JobStore
  /** Path of the status resources, without a slash at its end. */
  readonly statusPath: string
  /** Rules that begin work which goes on: pages that may send there may read here. */
  readonly queueRules: readonly RouteConfig[]
  /** All queues and consumers of the configuration. */
  readonly queues: readonly QueueConfig[]
  readonly consumers: readonly JobConsumer[]
  /** What else has a status: intents and flows. */
  readonly sources: readonly StatusSource[]
  readonly wait: StatusWait
  /** Milliseconds since the epoch. */
  epochNow(): number
}

/** `GET <statusPath>/{id}`: how a message goes that was taken over HTTP. Not a rule of the file; stands beside them. */
export function statusRoute(deps: StatusRouteDeps): Route {
  const wait = jobWait(deps.jobs)
  const asOfNow = jobExpiry(deps.queues, deps.consumers, deps.epochNow)
  return ownRoute(statusRule(deps.statusPath, deps.queueRules), deps, async (exchange) => {
    const id = exchange.path.slice(deps.statusPath.length + 1)
    const { waitMs, applied } = preferences(exchange.req.headers['prefer'])
    const found = isMessageId(id) ? await wait.until(exchange, id, waitMs) : undefined
    const waited = waitMs === 0 ? [] : applied
    if (found === undefined) return other(exchange, id, waitMs, waited)
    const job = asOfNow(found)
    return { status: 200, headers: [...jobHeaders(job), ...waited], body: jobDocument(job) }
  })

  async function other(exchange: Exchange, id: string, waitMs: number, applied: readonly string[]): Promise<OwnAnswer> {
    const look = (): Promise<StatusDocument | undefined> => statusOf(id, exchange.req.headers['accept-language'])
    const ended =
      waitMs === 0
        ? undefined
        : await deps.wait.until(exchange, waitMs, async () => {
            const document = await look()
            return document === undefined || document.ended ? (document ?? missing) : undefined
          })
    const document = ended ?? (await look()) ?? missing
    if (document === missing) {
      throw new GatewayError('MESSAGE_NOT_FOUND', { detail: 'Either it was never taken here, or it ended too long ago.' })
    }
    const again = document.ended ? [] : ['retry-after', '1']
    const headers = ['content-type', 'application/json', 'cache-control', 'no-store', ...again, ...document.headers, ...applied]
    return { status: 200, headers, body: document.body }
  }

  async function statusOf(id: string, acceptLanguage: string | undefined): Promise<StatusDocument | undefined> {
    if (!idPattern.test(id)) return undefined
    for (const source of deps.sources) {
      const document = await source.get(id, acceptLanguage)
      if (document !== undefined) return document
    }
    return undefined
  }
}

/** Ids of whatever kind; nothing else need be looked for. */
const idPattern = /^[A-Za-z0-9._-]{1,200}$/

const missing: StatusDocument = { ended: true, headers: [], body: '' }

function statusRule(statusPath: string, queueRules: readonly RouteConfig[]): RouteConfig {
  const literals = statusPath.split('/').filter((segment) => segment !== '')
  const cors = sharedCors(queueRules.flatMap((rule) => rule.cors ?? []))
  return {
    id: 'message status',
    name: '(message status)',
    origin: 'messaging',
    match: {
      path: `${statusPath}/{id}`,
      segments: [...literals.map((literal) => ({ literal })), { param: 'id' }],
      prefix: false,
      trailingSlash: false,
      methods: ['GET', 'HEAD'],
      hosts: [],
      headers: [],
      query: [],
    },
    // As lists of routes show it; what is answered depends on the message.
    target: { type: 'respond', status: 200, headers: [], body: '' },
    timeoutMs: Infinity,
    idleTimeoutMs: Infinity,
    deadlineMs: Infinity,
    maxBodyBytes: 0,
    ...(cors === undefined ? {} : { cors }),
  }
}

/** A page of any of these origins may ask; without cookies, because the id alone tells who may. */
function sharedCors(rules: readonly CorsConfig[]): CorsConfig | undefined {
  if (rules.length === 0) return undefined
  const origins = [...new Set(rules.flatMap((rule) => rule.origins))]
  return {
    origins: origins.includes('*') ? ['*'] : origins,
    methods: ['GET', 'HEAD'],
    headers: ['prefer'],
    exposeHeaders: ['retry-after', 'preference-applied'],
    credentials: false,
    maxAgeSeconds: Math.min(...rules.map((rule) => rule.maxAgeSeconds)),
  }
}
