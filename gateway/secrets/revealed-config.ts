import type { BrokerConfig, GatewayConfig, MessagingConfig } from '../../config/model.ts'
import { withSecrets } from '../state/shared-state.ts'

/**
 * The configuration with the passwords of its brokers and of the store for statuses filled in, for who connects to them. Never show or store
 * it. A rotated password is picked up by the next reload.
 * @throws {GatewayError} SECRET_UNAVAILABLE
 */
export const revealedConfig = (config: GatewayConfig, reveal: (text: string) => string): GatewayConfig => ({
  ...config,
  brokers: config.brokers.map((broker) => revealedBroker(broker, reveal)),
  messaging: revealedMessaging(config.messaging, reveal),
})

function revealedBroker(broker: BrokerConfig, reveal: (text: string) => string): BrokerConfig {
  switch (broker.type) {
    case 'embedded':
      return broker
    case 'rabbitmq':
      return broker.password === undefined ? broker : { ...broker, password: reveal(broker.password) }
    case 'kafka':
      return broker.sasl === undefined ? broker : { ...broker, sasl: { ...broker.sasl, password: reveal(broker.sasl.password) } }
  }
}

const revealedMessaging = (messaging: MessagingConfig, reveal: (text: string) => string): MessagingConfig =>
  messaging.store.type === 'redis' ? { ...messaging, store: withSecrets(messaging.store, reveal) } : messaging
