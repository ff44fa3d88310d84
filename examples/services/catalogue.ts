import { eventService } from './event-service.ts'
import type { Api } from './json-server.ts'
import { orderService } from './order-service.ts'
import { paymentService } from './payment-service.ts'
import { userService } from './user-service.ts'

/** The services of the design document, by name. */
export const services: Readonly<Record<string, () => Api>> = {
  'user-service': userService,
  'order-service': orderService,
  'payment-service': paymentService,
  'inventory-service': eventService,
  'notification-service': eventService,
  'analytics-service': eventService,
}
