import type { MatchVerdict } from '../../gateway/http/route-table.ts'
import type { TextStream } from '../io.ts'
import { countText, durationText } from '../render/quantities.ts'
import { visible } from '../render/text-width.ts'
import type { ExplainedService, Explanation, Taken } from './explanation.ts'
import { queueText } from './message-text.ts'
import { operationText } from './operation-text.ts'
import { policiesText, whole } from './policies-text.ts'
import type { WorstCase } from './worst-case.ts'

export const explanationText = (found: Explanation, stream: TextStream): string => {
  const { request, taken } = found
  const asked = visible(`${request.method} ${request.host === '' ? '' : `http://${request.host}`}${request.path}${request.query}`)
  const head = stream.style('bold', asked)
  if (taken === undefined) return `${head}\n${stream.style('red', 'No rule matches')}: ${refusal(found)}\n\n${othersText(found, stream)}`
  return [
    `${head}\n${stream.style('green', 'takes')} ${ruleText(taken)}  ${stream.style('dim', taken.route.origin)}\n`,
    factsText(taken, stream),
    taken.worstCase === undefined ? '' : worstCaseText(taken.worstCase, taken, stream),
    policiesText('Policies of the rule', taken.policies, stream),
    ...(taken.operation === undefined ? [] : operationText(taken.operation, taken.route.deadlineMs, stream)),
    ...taken.queues.flatMap((queue) => queueText(queue, stream)),
    ...taken.services.map((service) => policiesText(`Policies of ${service.name}`, service.policies, stream)),
    othersText(found, stream),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

const refusal = ({ allowed }: Explanation): string =>
  allowed.length === 0 ? 'the answer is 404.' : `the answer is 405, allowed: ${allowed.join(', ')}.`

const ruleText = ({ route }: Taken): string => visible(route.name === route.match.path ? route.match.path : `${route.match.path} (${route.name})`)

const factsText = (taken: Taken, stream: TextStream): string => {
  const facts: (readonly [string, string])[] = [['target', taken.target]]
  for (const [name, value] of Object.entries(taken.params)) facts.push([`{${name}}`, value])
  if (taken.rest !== undefined) facts.push(['{rest}', taken.rest === '' ? '(nothing)' : taken.rest])
  if (taken.forwardedTo !== undefined) facts.push([taken.route.target.type === 'redirect' ? 'location' : 'sent upstream', taken.forwardedTo])
  for (const service of taken.services) facts.push([taken.services.length === 1 ? 'addresses' : `addresses of ${service.name}`, addresses(service)])
  const widest = Math.max(...facts.map(([name]) => name.length))
  return facts.map(([name, value]) => `  ${stream.style('dim', name.padEnd(widest))}  ${visible(value)}\n`).join('')
}

const addresses = (service: ExplainedService): string => (service.addresses === '' ? '(none)' : service.addresses)

const worstCaseText = (worst: WorstCase, { route }: Taken, stream: TextStream): string => {
  const { retry, timeoutMs, deadlineMs } = route
  const attempts = countText(worst.attempts, 'attempt')
  const sum = `${attempts} x ${durationText(timeoutMs)}${worst.attempts === 1 ? '' : ' and the longest backoffs between them'}`
  const wait =
    worst.bound === 'none'
      ? 'no limit: the rule has no timeout and no deadline'
      : `${durationText(worst.waitMs)} until the response headers (${worst.bound === 'deadline' ? `the deadline; without it ${sum}` : sum})`
  const lines = [`  wait   ${wait}`]
  if (worst.waitWithRetryAfterMs > worst.waitMs) {
    lines.push(`         ${durationText(worst.waitWithRetryAfterMs)} if the service asks for the longest waits with Retry-After`)
  }
  lines.push(`  calls  ${countText(worst.calls, 'call')} to the service${repeatText(worst)}`)
  if (retry !== undefined) {
    lines.push(
      `         all callers together: retries are at most ${retry.budgetPercent}% of the calls, or ${retry.budgetMinPerSecond} per second (retry_budget)`,
    )
  }
  if (worst.bound === 'attempts' && deadlineMs !== Number.POSITIVE_INFINITY)
    lines.push(`         the deadline of ${durationText(deadlineMs)} never comes into it`)
  return `${stream.style('bold', 'Worst case')}\n${lines.join('\n')}\n`
}

const repeatText = ({ calls, attempts }: WorstCase): string =>
  calls === attempts ? '' : '; it is repeated only when it was never sent, because this method may not be repeated without an idempotency key'

const othersText = ({ others: { shown, hidden }, taken }: Explanation, stream: TextStream): string => {
  if (shown.length === 0 && hidden === 0) return ''
  const title = stream.style('bold', taken === undefined ? 'Rules that do not match' : 'Other rules')
  const rows = shown.map(otherRow)
  const list = rows.length === 0 ? '' : whole(['rule', 'why not', 'from'], rows, stream)
  const more = hidden === 0 ? '' : `  ... and ${countText(hidden, rows.length === 0 ? 'rule' : 'more rule')}\n`
  return `${title}\n${list}${more}`
}

const otherRow = ({ route, reasons }: MatchVerdict): string[] => [route.name, reasons.join('; '), route.origin]
