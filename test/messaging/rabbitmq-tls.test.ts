import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RabbitmqBrokerConfig } from '../../config/model.ts'
import type { Broker } from '../../gateway/messaging/broker.ts'
import { makeCertificates } from '../kit/certificates.ts'
import type { Certificates } from '../kit/certificates.ts'
import { openRabbitmqBroker } from '../kit/rabbitmq-broker.ts'
import { message } from '../kit/messages.ts'
import { publish, queueNamed, subscribe } from '../kit/rabbitmq-bench.ts'
import { rabbitmqSource, startRabbitmq } from '../kit/rabbitmq.ts'
import type { RabbitmqServer } from '../kit/rabbitmq.ts'
import { freePort, missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'

const source = await rabbitmqSource()

describe.skipIf(skips(source))(`RabbitMQ over TLS${missing(source)}`, () => {
  let certificates: Certificates
  let strange: Certificates
  let server: RabbitmqServer
  let port: number
  const brokers: Broker[] = []
  beforeAll(async () => {
    ;[certificates, strange, port] = await Promise.all([makeCertificates(), makeCertificates(), freePort()])
    server = await startRabbitmq({
      settings: [
        `listeners.ssl.1 = 127.0.0.1:${port}`,
        `ssl_options.cacertfile = ${certificates.caFile}`,
        `ssl_options.certfile = ${certificates.certFile}`,
        `ssl_options.keyfile = ${certificates.keyFile}`,
      ],
    })
  })
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()))
  })
  afterAll(async () => {
    await server.stop()
    await Promise.all([certificates.remove(), strange.remove()])
  })

  const brokerWith = (tls: RabbitmqBrokerConfig['tls'], host = '127.0.0.1'): Broker => {
    const broker = openRabbitmqBroker([`amqps://guest:guest@${host}:${port}`], tls === undefined ? {} : { tls })
    brokers.push(broker)
    return broker
  }

  test.each(['127.0.0.1', 'localhost'])('an authority that is trusted: messages go both ways over %s', async (host) => {
    const queue = queueNamed()
    const broker = brokerWith({ verify: true, ca: certificates.ca }, host)
    await broker.declare([queue])
    const seen: string[] = []
    subscribe(broker, queue, async (delivery) => {
      seen.push(delivery.message.id)
      await delivery.settle({ outcome: 'ack' })
    })
    const one = message()
    await publish(broker, queue, one)
    await until('it has come', () => seen.includes(one.id))
    expect(broker.status().address).toBe(`amqps://${host}:${port}`)
  })

  test.each([
    ['an authority that nobody trusts', (): RabbitmqBrokerConfig['tls'] => undefined],
    ['a certificate of another authority', (): RabbitmqBrokerConfig['tls'] => ({ verify: true, ca: strange.ca })],
    ['a certificate for another name', (): RabbitmqBrokerConfig['tls'] => ({ verify: true, ca: certificates.ca, serverName: 'elsewhere.example' })],
    ['a certificate of ours that is none', (): RabbitmqBrokerConfig['tls'] => ({ verify: true, ca: certificates.ca, cert: 'none', key: 'none' })],
  ])('%s: refused at once, before any password is sent', async (_title, tls) => {
    const broker = brokerWith(tls())
    const began = performance.now()
    await expect(broker.declare([queueNamed()])).rejects.toMatchObject({ code: 'BROKER_MISCONFIGURED' })
    expect(performance.now() - began).toBeLessThan(4500)
    expect(broker.status().state).toBe('connecting')
  })

  test('without verification whoever answers is taken, because the file says so', async () => {
    const broker = brokerWith({ verify: false })
    await broker.declare([queueNamed()])
    expect(broker.status().state).toBe('connected')
  })
})
