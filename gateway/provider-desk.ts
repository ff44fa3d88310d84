import type { GatewayConfig } from '../config/model.ts'
import { flowDesk } from './flows/flow-desk.ts'
import type { FlowDesk } from './flows/flow-desk.ts'
import { intentDesk } from './integrations/intent-desk.ts'
import type { IntentDesk } from './integrations/intent-desk.ts'
import { intentLedger } from './integrations/intent-ledger.ts'
import type { BrokerLog } from './messaging/broker.ts'
import { revealedConfig } from './secrets/revealed-config.ts'
import { secretStore } from './secrets/secret-store.ts'
import { unsealed } from './state/sealed-ids.ts'
import { sharedState } from './state/shared-state.ts'

export interface ProviderDeskDeps {
  readonly log: BrokerLog
  /** Of the process; secrets may stand in it. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds since the epoch. */
  now(): number
}

/**
 * Where operators look at intents and flows: with a connection to the state store of its own, so that a supervisor, which has no data plane,
 * can serve it too.
 */
export interface ProviderDesk {
  readonly flows: FlowDesk
  readonly intents: IntentDesk
  /** Follows the configuration in force. Never rejects: trouble is logged, and met again by who asks. */
  follow(config: GatewayConfig): Promise<void>
  /** The configuration with passwords filled in, for who connects. @throws {GatewayError} SECRET_UNAVAILABLE */
  revealed(config: GatewayConfig): GatewayConfig
  close(): Promise<void>
}

export function providerDesk({ log, env, now }: ProviderDeskDeps): ProviderDesk {
  const secrets = secretStore({ env, log, now })
  const reveal = (text: string): string => secrets.reveal(text)
  const store = sharedState({ log, now, reveal })
  const ledger = intentLedger({ store, epochNow: now })
  const flows = flowDesk({ store, epochNow: now })
  const intents = intentDesk(store, ledger, now)
  return {
    // Operators may paste what a caller shows them.
    flows: { ...flows, get: (id) => flows.get(unsealed(id)), retry: (id) => flows.retry(unsealed(id)) },
    intents: { ...intents, show: (id) => intents.show(unsealed(id)), settle: (id, decision) => intents.settle(unsealed(id), decision) },
    follow: async (config) => {
      try {
        const preparedSecrets = await secrets.prepare(config)
        const prepared = await store.prepare(config)
        preparedSecrets.enter()
        prepared.enter()
      } catch (error) {
        log.error({ err: error }, 'intents and flows cannot be looked at over the admin listener')
      }
    },
    revealed: (config) => revealedConfig(config, reveal),
    close: async () => {
      secrets.close()
      await store.close()
    },
  }
}
