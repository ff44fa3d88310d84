import type { TextStream } from '../io.ts'
import type { RunOptions } from '../program.ts'
import { urlText } from '../render/address.ts'
import { countText } from '../render/quantities.ts'
import { summary } from '../render/summary.ts'
import type { Serving } from '../render/summary.ts'
import { version } from '../version.ts'

/** What is said once the gateway serves: tables for a person, one JSON line for a machine. */
export const servingText = (serving: Serving, paths: readonly string[], options: RunOptions, stream: TextStream): string =>
  options.format === 'json' ? `${JSON.stringify(asData(serving, paths, options))}\n` : asText(serving, paths, options, stream)

const asText = (serving: Serving, paths: readonly string[], { workers }: RunOptions, stream: TextStream): string => {
  const shared = workers === 1 ? '' : ` with ${countText(workers, 'worker')}`
  const title = `${stream.style('bold', `Headgate ${version()}`)} serves ${paths.join(', ')}${shared}`
  return `${title}\n\n${summary(serving, stream)}\nEdits are picked up while it runs; Ctrl-C stops it.\n`
}

const asData = ({ config, listeners, admin }: Serving, paths: readonly string[], { workers }: RunOptions): object => ({
  event: 'serving',
  version: version(),
  pid: process.pid,
  paths,
  hash: config.hash,
  workers,
  listeners: listeners.map((listener) => ({ ...listener, url: urlText(listener) })),
  admin: { ...admin, url: urlText(admin) },
  routes: config.routes.length,
  services: config.services.length,
})
