import { afterEach } from 'vitest'
import type { JsonValue } from '../../../config/model.ts'
import type { Json, OperationCall } from '../../../gateway/plugin.ts'
import { adapter } from '../../../plugins/email/smtp/smtp.ts'
import { adapterUnderTest } from '../adapter.ts'
import type { AdapterUnderTest, AdapterUnderTestOptions } from '../adapter.ts'
import { startSmtp } from '../smtp.ts'
import type { SmtpOptions, SmtpServer } from '../smtp.ts'

export const mail = { from: 'shop@example.com', to: ['ada@example.com'], subject: 'Hello', text: 'How are you?' }

export interface SmtpTests {
  /** A real SMTP server that ends with the test. */
  server(options?: SmtpOptions): Promise<SmtpServer>
  /** The adapter in front of it, without encryption unless the settings say otherwise. */
  under(port: number, settings?: Readonly<Record<string, JsonValue>>, more?: AdapterUnderTestOptions): Promise<AdapterUnderTest>
  /** Runs after the test; what was given last runs first. */
  afterwards(close: () => Promise<unknown>): void
}

/** Called once at the top of a test file. */
export function smtpTests(): SmtpTests {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close()
  })
  return {
    async server(options = {}) {
      const started = await startSmtp(options)
      closing.push(() => started.stop())
      return started
    },
    async under(port, settings = {}, more = {}) {
      const smtp = await adapterUnderTest(adapter, { settings: { host: '127.0.0.1', port, security: 'none', ...settings }, ...more })
      closing.push(() => smtp.close())
      return smtp
    },
    afterwards: (close) => void closing.push(close),
  }
}

/** Settings of a server, and what it has counted: the port of the client of each connection. */
export function countedConnections(): { readonly connections: readonly number[]; readonly settings: NonNullable<SmtpOptions['settings']> } {
  const connections: number[] = []
  return {
    connections,
    settings: {
      onConnect: (session, done) => {
        connections.push(session.remotePort)
        done()
      },
    },
  }
}

/** One call of `runBatch` of `send_bulk`. */
export function sendBatch({ instance }: AdapterUnderTest, inputs: readonly object[]): Promise<readonly unknown[]> {
  const { signal } = new AbortController()
  const calls: OperationCall[] = inputs.map((input, index) => ({ input: input as Json, key: `hg_${index}`, attempt: 1, firstAttemptAtMs: 0, signal }))
  return instance.operations['send_bulk']?.runBatch?.(calls, signal) ?? Promise.reject(new Error('no runBatch'))
}
