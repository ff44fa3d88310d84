import { join } from 'node:path'
import { npmSource, npmTool } from './npm-tool.ts'
import { serverProcess } from './server-process.ts'
import { freePort } from './servers.ts'
import type { ServerSource } from './servers.ts'

export const sesSource = (): Promise<ServerSource> => npmSource('aws-ses-v2-local', () => npmTool('aws-ses-v2-local'))

/** A mail as the server keeps it. */
export interface SesMail {
  readonly messageId: string
  readonly from: string
  readonly destination: { readonly to: readonly string[]; readonly cc: readonly string[]; readonly bcc: readonly string[] }
  readonly replyTo: readonly string[]
  readonly subject: string
  readonly body: { readonly text?: string; readonly html?: string }
}

/** Amazon's SES in version 2 of its interface, by aws-ses-v2-local: it takes requests with any signature, but not without one. */
export interface SesServer {
  readonly url: string
  readonly port: number
  /** In the order in which they were sent. */
  mails(): Promise<readonly SesMail[]>
  kill(): Promise<void>
  freeze(): void
  thaw(): void
  /** Starts it again at its port; the mails are lost. */
  start(): Promise<void>
  stop(): Promise<void>
}

export async function startSes(): Promise<SesServer> {
  const program = join(await npmTool('aws-ses-v2-local'), 'node_modules', 'aws-ses-v2-local', 'dist', 'cli.js')
  const port = await freePort()
  const args = [program, '--host', '127.0.0.1', '--port', String(port)]
  const server = serverProcess({ name: 'aws-ses-v2-local', command: process.execPath, args, port })
  await server.start()
  const url = `http://127.0.0.1:${port}`
  const mails = async (): Promise<readonly SesMail[]> =>
    ((await (await fetch(`${url}/store`)).json()) as { readonly emails: readonly SesMail[] }).emails
  return { ...server, url, port, mails, stop: () => server.kill() }
}
