import type { Command } from '../child.ts'

/** Where a proxy under test shall listen and forward, and a folder for its files. */
export interface PeerSetting {
  readonly port: number
  readonly adminPort: number
  readonly upstreamUrl: string
  readonly upstreamPort: number
  readonly folder: string
}

/** One row of the comparison. */
export interface Peer {
  readonly name: string
  /** What it is, for the report. */
  readonly description: string
  /** Version, or undefined when it is not installed: the row is then named as skipped. */
  version(): string | undefined
  /** Path that the load generator asks for. */
  readonly path: string
  /** Writes the configuration and tells how to start it. Standard output goes to a file. */
  prepare(setting: PeerSetting): Command
}

/** The path of the design document's own first rule. */
export const usersPath = '/api/users/42?fields=name,email'
