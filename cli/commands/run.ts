import { resolve } from 'node:path'
import { load } from '../../config/load.ts'
import type { LoadResult } from '../../config/load.ts'
import type { GatewayConfig } from '../../config/model.ts'
import { adminServer } from '../../gateway/admin/server.ts'
import { collector } from '../../gateway/collector.ts'
import { controller } from '../../gateway/controller.ts'
import type { Controller } from '../../gateway/controller.ts'
import { deadLetterDesk } from '../../gateway/messaging/dead-letter-desk.ts'
import { providerDesk } from '../../gateway/provider-desk.ts'
import { CommandError, exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { inputPaths, loaded, loadOptions } from '../inputs.ts'
import type { Io } from '../io.ts'
import type { RunOptions } from '../program.ts'
import { findingsText } from '../render/findings.ts'
import { onCrash } from '../run/crash.ts'
import { fleetOf } from '../run/fleet.ts'
import type { FleetSetup } from '../run/fleet.ts'
import { contentHashes } from '../run/fingerprint.ts'
import { servingText } from '../run/serving.ts'
import { stopSignal } from '../run/signals.ts'
import { startFailure } from '../run/start-failure.ts'
import { watch } from '../run/watch.ts'
import type { Watch } from '../run/watch.ts'
import { version } from '../version.ts'

/** What loading leaves behind: nothing worth a pause for usual configurations, some 200 MiB for 10,000 routes. */
const largeHeapBytes = 64 * 1024 * 1024

/** Runs the gateway until it is told to stop. */
export const run = async (options: RunOptions, io: Io): Promise<ExitCode> => {
  const running = await begin(options, io)
  // Nobody waits yet for more than the first answers; later, the same work would fall upon requests.
  if (process.memoryUsage().heapUsed > largeHeapBytes) collector()({ type: 'major' })
  return running === undefined ? exitCodes.findings : untilStopped(running)
}

interface Running {
  readonly gateway: Controller
  readonly setup: FleetSetup
  readonly files: Watch
  /** Resolves with the signal that asks to stop. */
  readonly told: Promise<string>
  /** Ends the process. */
  readonly end: (exitCode: number) => Promise<never>
}

/**
 * Loads, starts and announces. A function of its own, because what was loaded (sources, positions) is many times the size of the
 * configuration and would live as long as the frame that holds it.
 * @returns Undefined when the configuration has errors; they have been shown.
 */
const begin = async (options: RunOptions, io: Io): Promise<Running | undefined> => {
  const paths = inputPaths(options.config, io)
  const overrides = {
    ...(options.listen === undefined ? {} : { listen: options.listen }),
    ...(options.admin === undefined ? {} : { admin: options.admin }),
  }
  const known = await contentHashes(paths.map((path) => resolve(io.cwd, path)))
  const result = await loaded(paths, io, overrides)
  io.err.write(await findingsText(result, io.err))
  const { config } = result
  if (config === undefined) return undefined

  const setup = await fleetOf(options.workers, config)
  const files = watch({ onChange: async () => void (await gateway.reloadFrom('file')) })
  const letters = deadLetterDesk({ log: setup.log, now: Date.now, random: Math.random })
  const desk = providerDesk({ log: setup.log, env: io.env, now: Date.now })
  const gateway = controller({
    fleet: setup.fleet,
    load: () => load(loadOptions(paths, io, overrides)),
    openAdmin: (address, backend) =>
      adminServer(address, backend, { onError: (error) => setup.log.error({ err: error }, 'the admin listener failed to answer') }),
    desk: { ...letters, deadLetters: (now, queue) => letters.deadLetters(desk.revealed(now), queue) },
    providers: desk,
    log: setup.log,
    onReload: setup.onReload,
    onRefused: async (refused) => {
      io.err.write(await findingsText(refused, io.err))
      await files.follow(refused.watch, known)
    },
    onApplied: (applied, now) => {
      setup.onApplied(now)
      void desk.follow(now)
      void files.follow(applied.watch, known)
    },
    now: Date.now,
    about: { version: version(), pid: process.pid, node: process.version },
  })
  const end = async (exitCode: number): Promise<never> => {
    await desk.close()
    await setup.closeLogs()
    process.exit(exitCode)
  }
  const forced = (exitCode: number): never => {
    setup.abandonLog()
    process.exit(exitCode)
  }
  onCrash({ log: setup.log, drain: gateway.drain, end })
  const told = stopSignal({ onReload: () => void gateway.reloadFrom('signal'), onForce: forced })

  await start(gateway, config, result)
  io.err.write(servingText({ config, listeners: setup.fleet.listeners, admin: gateway.adminAddress ?? config.admin.address }, paths, options, io.err))
  return { gateway, setup, files, told, end }
}

const untilStopped = async ({ gateway, setup, files, told, end }: Running): Promise<never> => {
  setup.log.info({ signal: await told }, 'stopping: no new connections, requests in flight finish')
  files.close()
  const { drained } = await gateway.drain()
  if (!drained) setup.log.warn({}, 'requests or deliveries were cut off: shutdown.drain_timeout has passed')
  await gateway.close()
  return end(exitCodes.ok)
}

/** @throws CommandError with a plain sentence where an address cannot be had. */
const start = async (gateway: Controller, config: GatewayConfig, result: LoadResult): Promise<void> => {
  try {
    await gateway.start(config, result)
  } catch (error) {
    await gateway.close()
    const sentence = startFailure(error)
    if (sentence === undefined) throw error
    throw new CommandError(sentence, exitCodes.findings)
  }
}
