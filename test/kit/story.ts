import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { killed } from './child.ts'
import { runGateway } from '../support/headgate.ts'
import type { RunningGateway } from '../support/headgate.ts'

const examples = fileURLToPath(new URL('../../examples', import.meta.url))

/** A service that runs, and the variable that tells the story its port. */
export interface StoryService {
  readonly variable: string
  readonly port: number
}

export interface Told {
  readonly status: number
  readonly headers: Headers
  /** JSON. */
  readonly body: unknown
}

/** A story of `examples/`, driven over HTTP. */
export interface Story {
  /** The one that runs now. */
  readonly gateway: RunningGateway
  /** A GET, or with a body a POST, on the gateway. */
  ask(path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<Told>
  /** Kills the gateway where it stands, and starts another one that finds what it has kept. */
  crash(): Promise<void>
  close(): Promise<void>
}

export const askAt = async (url: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<Told> => {
  const init =
    body === undefined ? { headers } : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
}

/** What an example service shows at this path. */
export const shownAt = async (port: number, path: string): Promise<unknown> => (await askAt(`http://127.0.0.1:${port}${path}`)).body

/** Makes an example service misbehave, or behave again with `ok`. */
export const misbehave = async (port: number, mode: string): Promise<void> => {
  await askAt(`http://127.0.0.1:${port}/chaos`, { mode })
}

/**
 * Runs the gateway on a story as a process of its own, with the secrets of the examples and a folder of its own for what it keeps.
 * @param layer YAML over that of the story.
 */
export const startStory = async (name: string, services: readonly StoryService[], layer?: string): Promise<Story> => {
  const folder = await mkdtemp(join(tmpdir(), `headgate-${name}-`))
  const ports = Object.fromEntries(services.map(({ variable, port }) => [variable, String(port)]))
  const paths = ['-c', join(examples, name)]
  if (layer !== undefined) {
    await writeFile(join(folder, 'layer.yaml'), layer)
    paths.push('-c', join(folder, 'layer.yaml'))
  }
  const env = { ...ports, HEADGATE_DATA: folder, HEADGATE_SECRETS: join(examples, 'local/secrets') }
  const start = (): Promise<RunningGateway> => runGateway(paths, { cwd: folder, env })
  let gateway = await start()
  return {
    get gateway() {
      return gateway
    },
    ask: (path, body, headers) => askAt(`${gateway.url}${path}`, body, headers),
    crash: async () => {
      await killed(gateway.child)
      gateway = await start()
    },
    close: async () => {
      await gateway.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
