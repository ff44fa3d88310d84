import type { BrokerConfig } from '../../config/model.ts'
import type { Broker, BrokerDeps } from './broker.ts'

/**
 * Makes the broker that `config` names. Nothing is connected before `declare`. The implementations are loaded when they are named for the
 * first time: a gateway without RabbitMQ does not pay for its client.
 */
export async function openBroker(config: BrokerConfig, deps: BrokerDeps): Promise<Broker> {
  switch (config.type) {
    case 'embedded':
      return (await import('./embedded/broker.ts')).embeddedBroker(config, deps)
    case 'rabbitmq':
      return (await import('./rabbitmq/broker.ts')).rabbitmqBroker(config, deps)
    case 'kafka':
      return (await import('./kafka/broker.ts')).kafkaBroker(config, deps)
  }
}
