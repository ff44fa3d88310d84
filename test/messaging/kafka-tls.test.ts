import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { KafkaBrokerConfig } from '../../config/model.ts'
import type { Broker } from '../../gateway/messaging/broker.ts'
import { kafkaBroker } from '../../gateway/messaging/kafka/broker.ts'
import { makeCertificates } from '../kit/certificates.ts'
import type { Certificates } from '../kit/certificates.ts'
import { kafkaCluster, kafkaNote, noKafka } from '../kit/kafka.ts'
import type { KafkaCluster } from '../kit/kafka.ts'
import { until } from '../kit/until.ts'
import { directQueue, message } from '../kit/messages.ts'
import { brokerDeps, counting, kafkaConfig } from './kafka-broker.ts'

describe.skipIf(noKafka)(`Kafka over TLS, with a password${kafkaNote}`, () => {
  const user = { name: 'gateway', password: 'secret-word' }
  let certificates: Certificates
  let strange: Certificates
  let cluster: KafkaCluster
  const brokers: Broker[] = []
  beforeAll(async () => {
    ;[certificates, strange] = await Promise.all([makeCertificates(), makeCertificates()])
    const keyStoreFile = join(certificates.folder, 'keystore.pem')
    await writeFile(keyStoreFile, `${await readFile(certificates.keyFile, 'utf8')}${await readFile(certificates.certFile, 'utf8')}`)
    cluster = await kafkaCluster({ user, keyStoreFile })
  })
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()))
  })
  afterAll(async () => {
    await cluster.stop()
    await Promise.all([certificates.remove(), strange.remove()])
  })

  const brokerWith = (tls: NonNullable<KafkaBrokerConfig['tls']>): Broker => {
    const sasl = { mechanism: 'PLAIN' as const, username: user.name, password: user.password }
    const broker = kafkaBroker(kafkaConfig(cluster.servers, { tls, sasl }), brokerDeps())
    brokers.push(broker)
    return broker
  }

  test('an authority that is trusted: messages go both ways', async () => {
    const broker = brokerWith({ verify: true, ca: certificates.ca })
    const queue = directQueue('tls.work')
    await until(
      'it is declared',
      async () => {
        await broker.declare([queue])
        return broker.status().state === 'connected'
      },
      20_000,
    )
    const { counts } = counting(broker, queue.name)
    const one = message()
    await broker.publish({ exchange: queue.exchange, routingKey: queue.name }, one)
    await until('it has come', () => counts.get(one.id) === 1, 20_000)
  })

  test.each([
    ['an authority that nobody trusts', (): NonNullable<KafkaBrokerConfig['tls']> => ({ verify: true })],
    ['a certificate of another authority', (): NonNullable<KafkaBrokerConfig['tls']> => ({ verify: true, ca: strange.ca })],
    [
      'a certificate for another name',
      (): NonNullable<KafkaBrokerConfig['tls']> => ({ verify: true, ca: certificates.ca, serverName: 'elsewhere.example' }),
    ],
  ])('%s: refused, and said at once', async (_title, tls) => {
    const broker = brokerWith(tls())
    const began = performance.now()
    await expect(broker.declare([directQueue('tls.never')])).rejects.toMatchObject({ code: 'BROKER_MISCONFIGURED' })
    expect(performance.now() - began).toBeLessThan(4500)
    expect(JSON.stringify(broker.status())).not.toContain(user.password)
  })
})
