import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** An authority of a test's own, and what it has signed for servers on this machine. */
export interface Certificates {
  readonly folder: string
  /** Files of the server: its certificate names `localhost` and 127.0.0.1. */
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
  /** PEM text of the authority. */
  readonly ca: string
  remove(): Promise<void>
}

/** Made by the `openssl` program, valid for a day. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-certificates-'))
  const path = (name: string): string => join(folder, name)
  const openssl = (...words: string[]): Promise<unknown> => run('openssl', words, { cwd: folder })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await writeFile(path('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  await openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '1', '-subj', '/CN=authority of a test')
  await openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server of a test')
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'names']
  await openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...signed)
  return {
    folder,
    certFile: path('server.pem'),
    keyFile: path('server.key'),
    caFile: path('ca.pem'),
    ca: await readFile(path('ca.pem'), 'utf8'),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
