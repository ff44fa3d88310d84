import type { QueueConfig, QueueTarget, RouteConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { Begun, Job, JobRequest, JobStore } from '../messaging/jobs/job-store.ts'
import { jobHeader } from '../messaging/message.ts'
import type { Message } from '../messaging/message.ts'
import { orderKey } from '../messaging/order-key.ts'
import type { Publisher } from '../messaging/publisher.ts'
import type { Exchange } from './exchange.ts'
import { fingerprint, idempotencyKey } from './idempotency-key.ts'
import { hasEnded, jobDocument, jobHeaders } from './job-document.ts'
import { jobWait } from './job-wait.ts'
import { messageIntake } from './message-intake.ts'
import type { MessageIntakeDeps } from './message-intake.ts'
import { checkMethod, ownRoute } from './own-route.ts'
import type { OwnAnswer, OwnRouteDeps } from './own-route.ts'
import { preferences } from './prefer.ts'
import type { Preferences } from './prefer.ts'
import type { Route } from './route.ts'

export interface QueueRouteDeps extends OwnRouteDeps, MessageIntakeDeps {
  readonly publisher: Publisher
  readonly jobs: JobStore
  /** All queues of the configuration. */
  readonly queues: readonly QueueConfig[]
  /** Path of the status resources, without a slash at its end. */
  readonly statusPath: string
}

const inProgressRetryAfterSeconds = 1

const acceptedHeaders = ['content-type', 'application/json', 'cache-control', 'no-store', 'retry-after', '1']

/**
 * A rule that puts requests into a queue and answers 202 when the broker has confirmed them, never before.
 *
 * The key is claimed before the message is published and stored with it afterwards: whatever fails in between, a repeated request finds
 * either the finished job or the claim, and the message has the same id each time.
 */
export function queueRoute(config: RouteConfig, deps: QueueRouteDeps): Route {
  const target = queueTarget(config)
  const messageOf = queueMessage(
    config,
    deps.queues.find(({ name }) => name === target.queue),
    deps,
  )
  const wait = jobWait(deps.jobs)
  const { jobs } = deps

  const publish = async (exchange: Exchange, message: Message): Promise<Job> => {
    try {
      await deps.publisher.toQueue(target.queue, message)
    } catch (error) {
      await jobs.forget(message.id).catch((cause: unknown) => deps.onInternalError(cause, exchange))
      throw error
    }
    return jobs.stored(message.id).catch((cause: unknown) => {
      // The message is in the queue, and that is what 202 says; a repeated request may bring it once more, under the same id.
      deps.onInternalError(cause, exchange)
      return queuedJob(message, target.queue)
    })
  }

  const answer = async (exchange: Exchange, job: Job, prefer: Preferences, replayed: boolean): Promise<OwnAnswer> => {
    const now = prefer.waitMs === 0 || hasEnded(job) ? job : await laterJob(exchange, job, prefer)
    const location = `${deps.statusPath}/${now.id}`
    const headers = ['location', location, ...prefer.applied, ...(replayed ? ['idempotent-replayed', 'true'] : [])]
    // Only who was ready to wait is told the end instead of where to look for it.
    if (prefer.waitMs > 0 && hasEnded(now)) return { status: 200, headers: [...headers, ...jobHeaders(now)], body: jobDocument(now) }
    // What was promised, not how it went on: a repeated request gets the same answer, and the status resource knows the rest.
    const promised = JSON.stringify({ id: now.id, status: 'queued', queue: now.queue, status_url: location })
    return { status: 202, headers: [...headers, ...acceptedHeaders], body: promised }
  }

  const laterJob = async (exchange: Exchange, job: Job, prefer: Preferences): Promise<Job> => {
    try {
      return (await wait.until(exchange, job.id, prefer.waitMs)) ?? job
    } catch {
      // The message is stored; its status can be asked for later.
      return job
    }
  }

  return ownRoute(config, deps, async (exchange) => {
    checkMethod(config, exchange.method)
    const { headers } = exchange.req
    const { header, required, ttlMs } = target.idempotency
    const key = idempotencyKey(header, headers[header], required)
    const message = await messageOf(exchange, key)
    const begun = await begin(jobs, {
      id: message.id,
      queue: target.queue,
      idempotency: key === undefined ? undefined : { scope: config.id, key, fingerprint: fingerprintOf(exchange, message), ttlMs },
    })
    const prefer = preferences(headers['prefer'])
    if (begun.outcome === 'known') return answer(exchange, begun.job, prefer, true)
    const job = await publish(exchange, begun.id === message.id ? message : { ...message, id: begun.id })
    return answer(exchange, job, prefer, false)
  })
}

function queueTarget({ target, origin }: RouteConfig): QueueTarget {
  if (target.type !== 'queue') throw new TypeError(`${origin}: not a queue`)
  return target
}

/** Compiles how a request becomes the message of this queue. */
function queueMessage(
  config: RouteConfig,
  queue: QueueConfig | undefined,
  deps: QueueRouteDeps,
): (exchange: Exchange, key: string | undefined) => Promise<Message> {
  const orderBy = queue?.orderBy
  const keyOf = orderKey(orderBy)
  const intake = messageIntake(config, orderBy !== undefined && 'header' in orderBy ? [orderBy.header.toLowerCase()] : [], deps)
  return async (exchange, key) => {
    const message = await intake(exchange)
    const headers = { ...message.headers, ...(key === undefined ? {} : { 'idempotency-key': key }), [jobHeader]: '1' }
    return { ...message, headers, key: keyOf({ headers, body: message.body }) }
  }
}

/** @throws {GatewayError} IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_CONFLICT, BROKER_UNAVAILABLE */
async function begin(jobs: JobStore, request: JobRequest): Promise<Extract<Begun, { readonly outcome: 'new' | 'known' }>> {
  const begun = await jobs.begin(request)
  if (begun.outcome === 'in_progress') throw new GatewayError('IDEMPOTENCY_IN_PROGRESS', { retryAfterSeconds: inProgressRetryAfterSeconds })
  if (begun.outcome === 'conflict') {
    throw new GatewayError('IDEMPOTENCY_CONFLICT', {
      detail: 'Its method, path, content type or body was another one. A new intent needs a new key.',
    })
  }
  return begun
}

const fingerprintOf = ({ method, path, query }: Exchange, { contentType, body }: Message): string =>
  fingerprint({ method, path, query, contentType, body })

const queuedJob = ({ id, publishedAtMs }: Message, queue: string): Job => ({
  id,
  queue,
  state: 'queued',
  createdAtMs: publishedAtMs,
  updatedAtMs: publishedAtMs,
  attempts: 0,
  lastError: undefined,
  result: undefined,
})
