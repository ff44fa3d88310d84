import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from '../child.ts'
import { type GatewaySetting, manyRoutes, oneRoute } from '../gateway-config.ts'
import { type Peer, usersPath } from './peer.ts'

const root = join(import.meta.dirname, '../..')
const main = join(root, 'cli/main.ts')

/** How to start the gateway from the sources with the configuration in `file`. */
export const gatewayCommand = (file: string): Command => ({ command: process.execPath, args: [main, 'run', '-c', file] })

/** Version of the gateway in this repository; undefined when there is no command line yet. */
export const gatewayVersion = (): string | undefined => {
  if (!existsSync(main)) return undefined
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  return `headgate ${version}, Node ${process.version}`
}

const headgate = (name: string, description: string, config: (setting: GatewaySetting) => string): Peer => ({
  name,
  description,
  path: usersPath,
  version: gatewayVersion,
  prepare(setting) {
    const file = join(setting.folder, 'gateway.yaml')
    writeFileSync(file, config(setting))
    return gatewayCommand(file)
  },
})

export const headgatePeers: readonly Peer[] = [
  headgate('headgate', 'one rule: timeout, 2 retries, circuit breaker, metrics, trace ids, access log to a file', oneRoute),
  headgate('headgate-10k', 'the same with 10,000 rules', (setting) => manyRoutes(setting, 10_000)),
]
