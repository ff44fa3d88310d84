import { setTimeout as sleep } from 'node:timers/promises'
import { embeddedBroker } from '../../gateway/messaging/embedded/broker.ts'
import { message } from '../kit/messages.ts'
import { configOf, subscription, work, workQueue } from '../../gateway/messaging/embedded/test/scene.ts'

/**
 * Another process on the same file, for tests that kill it: `embedded-neighbour.ts FILE ROLE`.
 * - `hold`, `hold-exclusive`: takes up to ten deliveries, settles none, tells the ids.
 * - `publish`: publishes from twenty lanes, tells the id of each that was confirmed.
 * - `consume`: acknowledges everything, tells the ids before and after.
 */
export interface Told {
  readonly what: 'ready' | 'held' | 'confirmed' | 'taken' | 'acknowledged'
  readonly id?: string
}

const [, , path = '', role = ''] = process.argv
const tell = (told: Told): void => {
  process.send?.(told)
}
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const broker = embeddedBroker(configOf(path), { log: silent, now: Date.now, random: Math.random })
await broker.declare([workQueue])
tell({ what: 'ready' })

const publish = async (): Promise<void> => {
  for (;;) {
    const next = message({ body: Buffer.alloc(300) })
    await broker.publish(work, next)
    tell({ what: 'confirmed', id: next.id })
    await sleep(1)
  }
}

if (role === 'publish') await Promise.all(Array.from({ length: 20 }, publish))
if (role.startsWith('hold')) {
  broker.subscribe(subscription({ exclusive: role === 'hold-exclusive' }), (delivery) => tell({ what: 'held', id: delivery.message.id }))
}
if (role === 'consume') {
  broker.subscribe(subscription(), (delivery) => {
    const { id } = delivery.message
    tell({ what: 'taken', id })
    void delivery.settle({ outcome: 'ack' }).then(() => tell({ what: 'acknowledged', id }))
  })
}
