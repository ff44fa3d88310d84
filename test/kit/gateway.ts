import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { adaptersOf, loadAdapters } from '../../cli/adapters.ts'
import { load } from '../../config/load.ts'
import type { GatewayConfig } from '../../config/model.ts'
import type { AccessEntry } from '../../gateway/observe/access-log.ts'
import { metrics } from '../../gateway/observe/metrics.ts'
import { runtime } from '../../gateway/runtime.ts'
import type { Runtime } from '../../gateway/runtime.ts'

/** A gateway in the process of the test: the whole data plane over real sockets, without CLI and admin listener. */
export interface TestGateway {
  readonly port: number
  readonly url: string
  readonly runtime: Runtime
  /** What the access log was given, oldest first. */
  readonly entries: readonly AccessEntry[]
  /** Lines of the gateway's own log. */
  readonly log: readonly string[]
  /** Prometheus text. */
  metrics(): Promise<string>
  /** Value of one series, 0 where it does not exist: `sample('headgate_retries_total{service="a"}')`. */
  sample(series: string): Promise<number>
  /** Loads other YAML and swaps to it. */
  apply(yaml: string): Promise<void>
  close(): Promise<void>
}

const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'headgate-test-'))

/** The configuration that `yaml` stands for; throws with the findings when there is an error. A listener on a free loopback port is added where none is named. */
async function configIn(folder: string, yaml: string): Promise<GatewayConfig> {
  const text = /^listeners:/m.test(yaml) ? yaml : `${yaml}\nlisteners: { main: { address: "127.0.0.1:0" } }\n`
  await writeFile(join(folder, 'gateway.yaml'), text)
  const { config, diagnostics } = await load({ paths: ['gateway.yaml'], env: {}, cwd: folder, adapters: loadAdapters })
  if (config === undefined)
    throw new Error(diagnostics.map(({ code, message, location }) => `${location.line}:${location.column} ${code} ${message}`).join('\n'))
  return config
}

/** @param folder Where its files are, those of the embedded broker too; an own one by default, removed at the end. */
export async function startGateway(
  yaml: string,
  folder?: string,
  options: { readonly env?: Readonly<Record<string, string>> } = {},
): Promise<TestGateway> {
  const place = folder ?? (await temporaryFolder())
  const entries: AccessEntry[] = []
  const lines: string[] = []
  const counted = metrics({ process: false })
  const plane = runtime({
    log: pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }),
    metrics: counted,
    adaptersOf,
    env: options.env ?? {},
    accessLog: {
      write: (entry) => void entries.push(entry),
      reconfigure: () => undefined,
      flush: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
  })
  await plane.apply(await configIn(place, yaml))
  const port = plane.listeners[0]?.port ?? 0
  const text = (): Promise<string> => counted.registry.metrics()
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    runtime: plane,
    entries,
    log: lines,
    metrics: text,
    sample: async (series) => {
      const line = (await text()).split('\n').find((one) => one.startsWith(`${series} `))
      return line === undefined ? 0 : Number(line.slice(series.length + 1))
    },
    apply: async (next) => plane.apply(await configIn(place, next)),
    close: async () => {
      await plane.close()
      if (folder === undefined) await rm(place, { recursive: true, force: true })
    },
  }
}
