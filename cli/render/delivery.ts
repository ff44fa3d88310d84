import type { DeliveryTarget } from '../../config/model.ts'

/** A target in a few words. */
export const deliveryText = (target: DeliveryTarget | undefined): string => {
  switch (target?.type) {
    case undefined:
      return 'nobody: the messages wait'
    case 'service':
      return `${target.method} ${target.path} at ${target.service}`
    case 'queue':
      return `queue ${target.queue}`
    case 'events':
      return `events ${target.events.join(', ')}`
    case 'operation':
      return `operation ${target.integration}.${target.operation}`
    case 'flow':
      return `flow ${target.flow}`
  }
}
