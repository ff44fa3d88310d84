import { endedStates } from '../messaging/jobs/job-store.ts'
import type { Job, JobResult } from '../messaging/jobs/job-store.ts'

/** Whether nothing more will happen to the message by itself. */
export const hasEnded = ({ state }: Job): boolean => endedStates.has(state)

/** Headers of an answer that shows a job: it may change at any moment, and its result is the sender's alone. */
export const jobHeaders = (job: Job): readonly string[] => [
  'content-type',
  'application/json',
  'cache-control',
  'no-store',
  ...(hasEnded(job) ? [] : ['retry-after', '1']),
]

/** The job as its sender sees it: of an error its type alone, because its words may tell of the inside. */
export function jobDocument(job: Job): string {
  const known = {
    id: job.id,
    queue: job.queue,
    status: job.state,
    created_at: new Date(job.createdAtMs).toISOString(),
    updated_at: new Date(job.updatedAtMs).toISOString(),
    attempts: job.attempts,
    ...(job.lastError === undefined ? {} : { last_error: { type: job.lastError.type } }),
  }
  const text = JSON.stringify(known)
  return job.result === undefined ? text : `${text.slice(0, -1)},"result":${resultText(job.result)}}`
}

/** A body that was too large to keep is left out. */
function resultText({ status, contentType, body }: JobResult): string {
  const head = JSON.stringify({ status, ...(contentType === undefined ? {} : { content_type: contentType }) })
  return body === undefined ? head : `${head.slice(0, -1)},${bodyText(body, contentType)}}`
}

const jsonType = /^application\/(?:[^;]+\+)?json\s*(?:;|$)/i
const textType = /^(?:text\/|application\/(?:[^;]+\+)?xml\s*(?:;|$)|application\/x-www-form-urlencoded)/i
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * JSON stands inline as it was written, so that long numbers keep their digits; other text, and what may be text where no type is named, as
 * text; the rest in base64.
 */
function bodyText(body: Buffer, contentType = 'text/plain'): string {
  const text = jsonType.test(contentType) || textType.test(contentType) ? decoded(body) : undefined
  if (text === undefined) return `"body":${JSON.stringify(body.toString('base64'))},"encoding":"base64"`
  return `"body":${jsonType.test(contentType) && isJson(text) ? text : JSON.stringify(text)}`
}

function decoded(body: Buffer): string | undefined {
  try {
    return utf8.decode(body)
  } catch {
    return undefined
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
