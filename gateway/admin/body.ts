import type { IncomingMessage } from 'node:http'

/** Lists of ids at most; a polite small body where none is needed is read and ignored. */
export const maxBodyBytes = 65_536

/** @returns The whole body; undefined when it is too large, and then the rest is not read. Rejects when the client goes away. */
export const smallBody = async (request: IncomingMessage): Promise<Buffer | undefined> => {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const part = chunk as Buffer
    bytes += part.length
    if (bytes > maxBodyBytes) return undefined
    chunks.push(part)
  }
  return Buffer.concat(chunks)
}
