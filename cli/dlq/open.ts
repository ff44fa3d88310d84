import { existsSync } from 'node:fs'
import { didYouMean } from '../../gateway/admin/did-you-mean.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { openBroker } from '../../gateway/messaging/brokers.ts'
import type { Broker, BrokerDeps } from '../../gateway/messaging/broker.ts'
import type { DeadLetters } from '../../gateway/messaging/dead-letter.ts'
import type { BrokerConfig, GatewayConfig, QueueConfig } from '../../config/model.ts'
import { CommandError, exitCodes } from '../exit-codes.ts'
import { inputPaths, loaded } from '../inputs.ts'
import type { Io } from '../io.ts'
import { findingsText } from '../render/findings.ts'
import { visible } from '../render/text-width.ts'

/** @throws CommandError with the exit code 2 when it has errors: 1 stands for "nothing matched" here. */
export const configuration = async (given: readonly string[] | undefined, io: Io): Promise<GatewayConfig> => {
  const result = await loaded(inputPaths(given, io), io)
  if (result.config !== undefined) return result.config
  io.err.write(await findingsText(result, io.err))
  throw new CommandError('The configuration has errors, so its brokers are not opened.')
}

/** @throws CommandError for a name that is not declared, or a queue that keeps no dead letters. */
export const keptQueue = (config: GatewayConfig, name: string): QueueConfig => {
  const queue = config.queues.find((one) => one.name === name)
  if (queue === undefined) {
    const names = config.queues.map((one) => one.name)
    const known = names.length === 0 ? ' The configuration declares none.' : didYouMean(name, names)
    throw new CommandError(`There is no queue \`${visible(name)}\` in the configuration.${known}`)
  }
  if (!queue.deadLetter) throw new CommandError(`Queue \`${name}\` keeps no dead letters (\`dead_letter: false\`).`, exitCodes.findings)
  return queue
}

/** What a broker would write into the gateway's log is here either an answer or an error of the command. */
const quiet: BrokerDeps['log'] = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/**
 * Opens one broker for as long as `work` takes; no consumer is started.
 * @throws CommandError in one sentence when the broker cannot be had, or is lost on the way.
 */
export const withDeadLetters = async <Result>(
  config: GatewayConfig,
  brokerName: string,
  io: Io,
  work: (letters: DeadLetters) => Promise<Result>,
): Promise<Result> => {
  const broker = config.brokers.find(({ name }) => name === brokerName)
  if (broker === undefined) throw new CommandError(`There is no broker \`${brokerName}\` in the configuration.`)
  if (broker.type === 'embedded' && !existsSync(broker.path)) {
    // Opening would create it, perhaps as a user whose files the gateway may not write.
    io.err.write(`Broker \`${broker.name}\` has no file yet (${broker.path}): no message was ever stored.\n`)
    return work(noDeadLetters)
  }
  const queues = config.queues.filter((queue) => queue.broker === brokerName)
  return inSentences(broker, async () => {
    const opened = await openBroker(broker, { log: quiet, now: Date.now, random: Math.random })
    try {
      await opened.declare(queues)
      assertReached(opened)
      return await work(opened.deadLetters)
    } finally {
      await opened.close()
    }
  })
}

const assertReached = (broker: Broker): void => {
  const { state, address, lastError } = broker.status()
  if (state === 'connected' || state === 'blocked') return
  const why = lastError === undefined ? '' : `: ${visible(lastError).replace(/\.$/, '')}`
  throw new CommandError(`Broker \`${broker.name}\` (${broker.type}, ${visible(address)}) cannot be reached${why}.`)
}

const inSentences = async <Result>(broker: BrokerConfig, work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof GatewayError) throw new CommandError(`Broker \`${broker.name}\` (${broker.type}): ${visible(error.message)}`)
    throw error
  }
}

const noDeadLetters: DeadLetters = {
  async *list() {},
  show: () => Promise.resolve(undefined),
  replay: () => Promise.resolve(0),
  drop: () => Promise.resolve(0),
}
