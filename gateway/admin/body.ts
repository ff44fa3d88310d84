import type { IncomingMessage } from 'node:http'

/** No request to the admin listener needs a body; a polite small one is read and ignored. */
export const maxBodyBytes = 65_536

/** Reads the body to its end. @returns False when it is too large; then the rest is not read. Rejects when the client goes away. */
export const discardBody = async (request: IncomingMessage): Promise<boolean> => {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return false
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += Buffer.byteLength(chunk as Buffer)
    if (bytes > maxBodyBytes) return false
  }
  return true
}
