import { execFile } from 'node:child_process'
import { createSign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeCertificates } from '../certificates.ts'

const run = promisify(execFile)

export type SnsMessage = Readonly<Record<string, string>>

/** Amazon SNS as far as its messages are checked: a host with its certificate, and messages signed with it. */
export interface Sns {
  /** `localhost:PORT` */
  readonly host: string
  /** PEM text of the authority that has signed the certificate of the host. */
  readonly ca: string
  /** Address of the certificate that messages are signed with. */
  readonly certificateUrl: string
  /** Paths with queries, in the order in which they were asked for. */
  readonly asked: readonly string[]
  /** @param message Without signature and `SigningCertURL`, unless the test wants others. */
  signed(message: SnsMessage, version?: '1' | '2'): SnsMessage
  close(): Promise<void>
}

const signedNames: Readonly<Record<string, readonly string[]>> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
}

export async function startSns(): Promise<Sns> {
  const certificates = await makeCertificates()
  const [keyFile, certFile] = [join(certificates.folder, 'sns.key'), join(certificates.folder, 'sns.pem')]
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile, '-out', certFile, '-days', '1', '-subj', '/CN=sns'])
  const [key, pem, serverKey, serverCert] = await Promise.all(
    [keyFile, certFile, certificates.keyFile, certificates.certFile].map((file) => readFile(file, 'utf8')),
  )
  const asked: string[] = []
  const server = createServer({ key: serverKey ?? '', cert: serverCert ?? '' }, ({ url = '' }, response) => {
    asked.push(url)
    if (url.startsWith('/SimpleNotificationService-a1b2.pem')) response.end(pem)
    else if (url.startsWith('/?Action=ConfirmSubscription')) response.end('<ConfirmSubscriptionResponse/>')
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const host = `localhost:${(server.address() as AddressInfo).port}`
  const certificateUrl = `https://${host}/SimpleNotificationService-a1b2.pem`
  return {
    host,
    ca: certificates.ca,
    certificateUrl,
    asked,
    signed(message, version = '2') {
      const names = signedNames[message['Type'] ?? ''] ?? []
      const text = names.flatMap((name) => (message[name] === undefined ? [] : [`${name}\n${message[name]}\n`])).join('')
      const signature = createSign(version === '1' ? 'RSA-SHA1' : 'RSA-SHA256')
        .update(text)
        .sign(key ?? '', 'base64')
      return { SigningCertURL: certificateUrl, ...message, SignatureVersion: version, Signature: signature }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await certificates.remove()
    },
  }
}
