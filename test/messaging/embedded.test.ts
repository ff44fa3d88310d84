import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedBroker } from '../../gateway/messaging/embedded/broker.ts'
import { describeBroker } from '../contracts/broker-suite.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const maxMessageBytes = 4 * 1024 * 1024

describeBroker('the embedded broker', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-embedded-'))
  const path = join(folder, 'broker.db')
  return {
    broker: async () =>
      embeddedBroker(
        { name: 'default', type: 'embedded', path, maxMessageBytes, publishTimeoutMs: 10_000, maxUnconfirmed: 1000 },
        { log: silent, now: Date.now, random: Math.random },
      ),
    stop: () => rm(folder, { recursive: true }),
    maxMessageBytes,
  }
})
