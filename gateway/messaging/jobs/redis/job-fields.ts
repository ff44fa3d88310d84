import type { Job, JobChange, JobState } from '../job-store.ts'

/** What a script answered for a hash: names and values in turn; undefined when there is no such job. */
export function jobOfFields(id: string, flat: unknown): Job | undefined {
  const fields = new Map<string, Buffer>()
  if (!Array.isArray(flat)) return undefined
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [name, value] = [flat[i] as unknown, flat[i + 1] as unknown]
    if (Buffer.isBuffer(name) && Buffer.isBuffer(value)) fields.set(name.toString(), value)
  }
  const text = (name: string): string | undefined => fields.get(name)?.toString()
  const [state, stored, errorType, status] = [text('state'), text('stored'), text('error_type'), text('status')]
  if (state === undefined || stored !== '1') return undefined
  return {
    id,
    queue: text('queue') ?? '',
    state: state as JobState,
    createdAtMs: Number(text('created')),
    updatedAtMs: Number(text('updated')),
    attempts: Number(text('attempts')),
    lastError: errorType === undefined ? undefined : { type: errorType, message: text('error_message') ?? '' },
    result: status === undefined ? undefined : { status: Number(status), contentType: text('content_type'), body: fields.get('body') },
  }
}

/** The arguments of `updateScript` that say what has changed, from `attempts` on. */
export function fieldsOfChange({ attempts, lastError, result }: JobChange): (string | number | Buffer)[] {
  return [
    attempts ?? '',
    lastError === undefined ? 0 : 1,
    lastError?.type ?? '',
    lastError?.message ?? '',
    result === undefined ? 0 : 1,
    result?.status ?? '',
    result?.contentType ?? '',
    result?.body === undefined ? 0 : 1,
    result?.body ?? '',
  ]
}
