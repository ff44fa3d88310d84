import { type RabbitmqHost, withRabbitmq } from './rabbitmq-host.ts'
import { lasting } from './recovery.ts'
import type { RunResult, Scenario, Size } from './scenario.ts'
import { type Story, trial } from './trial.ts'

interface Load {
  /** How long messages flow before the trouble begins. */
  readonly warmMs: number
  readonly ratePerSecond: number
}

/** Starts the load, lets the trouble happen when it has become steady, and ends it. `urls` leads to the broker another way than directly. */
export type UnderLoad = (trouble: Story, urls?: readonly string[]) => Promise<RunResult>

interface Plan<Extent extends Load> extends Pick<Scenario, 'name' | 'about'> {
  readonly nodes: 1 | 3
  readonly sizes: Readonly<Record<Size, Extent>>
  run(host: RabbitmqHost, extent: Extent, underLoad: UnderLoad): Promise<RunResult>
}

/** Trouble that befalls RabbitMQ, or the way to it, while messages flow until it is over. */
export const rabbitmqScenario = <Extent extends Load>({ name, about, nodes, sizes, run }: Plan<Extent>): Scenario => ({
  name,
  about,
  brokers: ['rabbitmq'],
  run: (broker, surroundings) => {
    const extent = sizes[surroundings.size]
    const { warmMs, ratePerSecond } = extent
    return withRabbitmq(nodes, (host) =>
      run(host, extent, (trouble, urls) => {
        const options = { scenario: name, broker, brokerYaml: host.yaml(urls), lanes: 20, ratePerSecond, workMs: 2, leftOver: host.leftOver }
        return trial(options, surroundings, flowing(warmMs, trouble))
      }),
    )
  },
})

const flowing =
  (warmMs: number, trouble: Story): Story =>
  async (running) => {
    const sent = running.sender.send(Infinity)
    await lasting(warmMs)
    const checks = await trouble(running)
    running.sender.stop()
    await sent
    return checks
  }
