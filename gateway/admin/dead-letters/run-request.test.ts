import { expect, test } from 'vitest'
import { runRequest } from './run-request.ts'

const ask = (text: string): ReturnType<typeof runRequest> => runRequest(Buffer.from(text), 10_000)

test('reads ids, filters and switches', () => {
  expect(ask('{"ids":["a","b"],"dry_run":true}')).toEqual({ ok: true, filter: { ids: ['a', 'b'] }, dryRun: true })
  expect(ask('{"reason":"failed","error":"status_503","since":"1s","until":"2026-01-01T00:00:00Z"}')).toMatchObject({
    ok: true,
    filter: { reason: 'failed', errorType: 'status_503', parkedFromMs: 9000 },
    dryRun: false,
  })
  expect(ask('{"all":true}')).toEqual({ ok: true, filter: {}, dryRun: false })
})

test.each([
  ['', 'Which ones?'],
  ['{}', 'Which ones?'],
  ['{"all":false}', 'Which ones?'],
  ['{"dry_run":true}', 'Which ones?'],
  ['{"ids":[]}', '`ids` must be a list of texts, with one at least.'],
  ['{"ids":"a"}', '`ids` must be a list'],
  ['{"ids":[1]}', '`ids` must be a list'],
  ['{"reason":null}', '`reason` must be a text.'],
  ['{"since":5}', '`since` must be a text.'],
  ['{"all":"yes"}', '`all` must be true or false.'],
  ['{"resaon":"failed"}', '`resaon` is not known here. Write ids, reason, error, since, until, all, dry_run. Did you mean `reason`?'],
  ['{"__proto__":{"all":true}}', '`__proto__` is not known here.'],
  ['[]', 'The body must be one JSON object.'],
  ['null', 'The body must be one JSON object.'],
  ['{"all":true', 'The body must be one JSON object.'],
  ['\u0000', 'The body must be one JSON object.'],
])('refuses %s', (text, message) => {
  const found = ask(text)
  expect(found.ok ? 'accepted' : found.message).toContain(message)
})
