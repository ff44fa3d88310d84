import { AwsClient } from 'aws4fetch'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missing, skips } from './servers.ts'
import { sesSource, startSes } from './ses.ts'
import type { SesServer } from './ses.ts'

const source = await sesSource()

describe.skipIf(skips(source))(`SES for tests${missing(source)}`, () => {
  let server: SesServer
  beforeAll(async () => {
    server = await startSes()
  })
  afterAll(() => server.stop())

  const mail = {
    FromEmailAddress: 'from@example.com',
    Destination: { ToAddresses: ['to@example.com'] },
    Content: { Simple: { Subject: { Data: 'Hello' }, Body: { Text: { Data: 'How are you?' } } } },
  }

  test('takes a signed mail, and shows what it got', async () => {
    const client = new AwsClient({ accessKeyId: 'any', secretAccessKey: 'any', region: 'eu-central-1', service: 'ses', retries: 0 })
    const headers = { 'content-type': 'application/json' }
    const answer = await client.fetch(`${server.url}/v2/email/outbound-emails`, { method: 'POST', headers, body: JSON.stringify(mail) })
    expect(answer.status).toBe(200)
    const { MessageId } = (await answer.json()) as { readonly MessageId: string }
    expect(await server.mails()).toMatchObject([
      { messageId: MessageId, from: 'from@example.com', destination: { to: ['to@example.com'] }, subject: 'Hello', body: { text: 'How are you?' } },
    ])
  })

  test('refuses a mail without a signature', async () => {
    const before = await server.mails()
    const answer = await fetch(`${server.url}/v2/email/outbound-emails`, { method: 'POST', body: JSON.stringify(mail) })
    expect(answer.ok).toBe(false)
    expect(await server.mails()).toEqual(before)
  })
})
