import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Peer, usersPath } from './peer.ts'

const bench = join(import.meta.dirname, '..')

/** Version of an installed package; undefined when it is not there. Looks at the file, because not every package exports its package.json. */
const packageVersion = (name: string): string | undefined => {
  try {
    let folder = dirname(createRequire(import.meta.url).resolve(name))
    while (!folder.endsWith(join('node_modules', name))) folder = dirname(folder)
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
  } catch {
    return undefined
  }
}

const script = (name: string, description: string, file: string, library: string): Peer => ({
  name,
  description,
  path: usersPath,
  version() {
    const version = packageVersion(library)
    return version === undefined ? undefined : `${library} ${version}, Node ${process.version}`
  },
  prepare: ({ port, upstreamUrl }) => ({ command: process.execPath, args: [join(bench, file), String(port), upstreamUrl] }),
})

export const nodePeers: readonly Peer[] = [
  script('floor', 'minimal node:http + undici `pool.stream` proxy, no features', 'floor.ts', 'undici'),
  script('floor-dispatch', 'the same on undici’s raw `dispatch`', 'floor-dispatch.ts', 'undici'),
  script('fastify', '@fastify/http-proxy on fastify 5, logger off', 'fastify-proxy.ts', '@fastify/http-proxy'),
]
