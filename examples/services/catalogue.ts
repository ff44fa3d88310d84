import { eventService } from './event-service.ts'
import { inventoryService } from './inventory-service.ts'
import { jsonServer } from './json-server.ts'
import type { Api } from './json-server.ts'
import { mailProvider } from './mail-provider.ts'
import { orderService } from './order-service.ts'
import { paymentProvider } from './payment-provider.ts'
import { userService } from './user-service.ts'

export interface RunningService {
  readonly name: string
  readonly port: number
  close(): Promise<void>
}

/** Starts it on this port; 0 picks a free one. @throws The listen error (`EADDRINUSE`) when the port cannot be had. */
export type Service = (name: string, port: number, host?: string) => Promise<RunningService>

const json =
  (api: () => Api): Service =>
  (name, port, host) =>
    jsonServer(name, api(), port, host)

const payments: Service = async (name, port, host) => {
  const provider = await paymentProvider({ port, ...(host === undefined ? {} : { host }) })
  return { name, port: provider.port, close: provider.close }
}

/** The services of the design document and the providers outside, by name. */
export const services: Readonly<Record<string, Service>> = {
  'user-service': json(userService),
  'order-service': json(orderService),
  'inventory-service': json(inventoryService),
  'notification-service': json(eventService),
  'analytics-service': json(eventService),
  'payment-provider': payments,
  'mail-provider': json(mailProvider),
  'mail-provider-2': json(mailProvider),
}
