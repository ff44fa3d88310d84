const chunk = Buffer.alloc(64 * 1024)

/** `bytes` zero bytes in pieces of 64 KiB, made as fast as they are taken. */
export async function* zeros(bytes: number): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; left -= chunk.length) yield left >= chunk.length ? chunk : chunk.subarray(0, left)
}

/**
 * Reads a stream to its end.
 * @param bytesPerSecond A slow reader: it stops reading whenever it is ahead of this pace. Undefined: as fast as it comes.
 * @returns The number of bytes.
 */
export const drain = async (source: AsyncIterable<Buffer>, bytesPerSecond: number | undefined): Promise<number> => {
  const startedAtMs = performance.now()
  let bytes = 0
  for await (const piece of source) {
    bytes += piece.length
    if (bytesPerSecond === undefined) continue
    const aheadMs = (bytes / bytesPerSecond) * 1000 - (performance.now() - startedAtMs)
    if (aheadMs > 5) await new Promise((resolve) => setTimeout(resolve, aheadMs))
  }
  return bytes
}
