import { jsonText } from '../dlq/json.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { adminClient, pages } from '../flows/admin-client.ts'
import type { FlowsRequest } from '../flows/request.ts'
import { flowsText, flowText, shownFlow } from '../flows/shown-flow.ts'
import type { Io } from '../io.ts'

const defaultLimit = 50

/** Asks the admin listener of a running gateway: flows go on there, and only there are they told to. */
export const flows = async (request: FlowsRequest, io: Io): Promise<ExitCode> => {
  const client = await adminClient(request.options, io)
  const asJson = request.options.format === 'json'
  if (request.action === 'list') {
    const { state, limit = asJson ? Infinity : defaultLimit } = request.options
    const found = []
    let count = 0
    for await (const entry of pages(client, '/-/flows', { flow: request.flow, state }, 'flows', limit)) {
      count += 1
      if (asJson) io.out.write(jsonText(entry))
      else found.push(shownFlow(entry))
    }
    if (count === 0) io.err.write('No flow matches.\n')
    else if (!asJson) io.out.write(flowsText(found, Date.now(), io.out))
    return count === 0 ? exitCodes.findings : exitCodes.ok
  }
  const path = `/-/flows/${encodeURIComponent(request.id)}`
  const answer = await (request.action === 'show' ? client.ask('GET', path) : client.ask('POST', `${path}/retry`))
  if (!answer.ok) {
    io.err.write(`${answer.why}\n`)
    return exitCodes.findings
  }
  const flow = shownFlow(answer.value)
  if (asJson) io.out.write(jsonText(flow, 2))
  else if (request.action === 'show') io.out.write(flowText(flow, Date.now(), io.out))
  else io.out.write(`Flow ${flow.id} goes on: it is ${flow.state}.\n`)
  return exitCodes.ok
}
