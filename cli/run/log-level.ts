import type { Logger } from 'pino'
import type { GatewayConfig } from '../../config/model.ts'

/** The log follows the configuration in force. */
export const setLevel = (log: Logger, config: GatewayConfig): void => {
  log.level = config.log.level
}
