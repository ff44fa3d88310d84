import { describe } from 'vitest'
import { describeBroker } from '../contracts/broker-suite.ts'
import { rabbitmqHarness } from '../kit/rabbitmq-broker.ts'
import { rabbitmqSource } from '../kit/rabbitmq.ts'
import { missing, skips } from '../kit/servers.ts'

const source = await rabbitmqSource()

describe.skipIf(skips(source))(`three RabbitMQ nodes${missing(source)}`, () => {
  describeBroker('a RabbitMQ cluster', rabbitmqHarness(3))
})
