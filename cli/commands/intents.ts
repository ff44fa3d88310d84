import { jsonText } from '../dlq/json.ts'
import { agoText } from '../dlq/text.ts'
import { CommandError, exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { adminClient, pages } from '../flows/admin-client.ts'
import type { AdminAnswer, AdminClient } from '../flows/admin-client.ts'
import { factsText, failureText, timeText } from '../flows/shown-flow.ts'
import type { ShownFailure } from '../flows/shown-flow.ts'
import type { IntentsRequest, ListIntentsOptions } from '../intents/request.ts'
import type { Io, TextStream } from '../io.ts'
import { table } from '../render/table.ts'

const defaultLimit = 50

/** An intent as the admin listener shows it. */
interface ShownIntent {
  readonly id: string
  readonly integration: string
  readonly operation: string
  readonly state: string
  readonly attempts?: number
  readonly mode?: string
  readonly failure?: ShownFailure
  readonly createdAt?: string
  readonly updatedAt?: string
  readonly output?: unknown
}

/** Asks the admin listener of a running gateway, which holds the intents. */
export const intents = async (request: IntentsRequest, io: Io): Promise<ExitCode> => {
  const client = await adminClient(request.options, io)
  if (request.action === 'list') return list(client, request.operation, request.options, io)
  const path = `/-/intents/${encodeURIComponent(request.id)}`
  const answer: AdminAnswer =
    request.action === 'show' ? await client.ask('GET', path) : await client.ask('POST', `${path}/settle`, { as: request.options.as })
  if (!answer.ok) {
    io.err.write(`${answer.why}\n`)
    return exitCodes.findings
  }
  const intent = shownIntent(answer.value)
  if (request.options.format === 'json') io.out.write(jsonText(intent, 2))
  else if (request.action === 'show') io.out.write(intentText(intent, Date.now(), io.out))
  else io.out.write(`Intent ${intent.id} is ${intent.state} now.\n`)
  return exitCodes.ok
}

const list = async (client: AdminClient, operation: string | undefined, options: ListIntentsOptions, io: Io): Promise<ExitCode> => {
  const asJson = options.format === 'json'
  const { state, limit = asJson ? Infinity : defaultLimit } = options
  const found: ShownIntent[] = []
  let count = 0
  for await (const entry of pages(client, '/-/intents', { operation, state }, 'intents', limit)) {
    count += 1
    if (asJson) io.out.write(jsonText(entry))
    else found.push(shownIntent(entry))
  }
  if (count === 0) io.err.write('No intent matches.\n')
  else if (!asJson) io.out.write(intentsText(found, Date.now(), io.out))
  return count === 0 ? exitCodes.findings : exitCodes.ok
}

const shownIntent = (value: unknown): ShownIntent => {
  if (typeof value === 'object' && value !== null && 'id' in value && 'operation' in value) return value as ShownIntent
  throw new CommandError('The admin listener answered with something else than an intent.')
}

const intentsText = (found: readonly ShownIntent[], nowMs: number, out: TextStream): string =>
  table(
    ['id', 'operation', 'state', 'attempts', 'failure', 'begun'],
    found.map(({ id, integration, operation, state, attempts, failure, createdAt }) => [
      id,
      `${integration}.${operation}`,
      state,
      String(attempts ?? ''),
      failure?.kind ?? '',
      agoText(Date.parse(createdAt ?? ''), nowMs),
    ]),
    { width: undefined, style: out.style },
  )

const intentText = (intent: ShownIntent, nowMs: number, out: TextStream): string =>
  factsText(
    [
      ['id', intent.id],
      ['operation', `${intent.integration}.${intent.operation}`],
      ['state', intent.state],
      ['attempts', String(intent.attempts ?? '')],
      ['failure mode', intent.mode ?? ''],
      ['failure', failureText(intent.failure)],
      ['begun', timeText(intent.createdAt, nowMs)],
      ['changed', timeText(intent.updatedAt, nowMs)],
      ['output', intent.output === undefined ? '' : JSON.stringify(intent.output)],
    ],
    out,
  )
