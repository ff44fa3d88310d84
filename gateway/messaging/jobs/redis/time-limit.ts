/**
 * `work` is not broken off when it takes longer; what becomes of it then, nobody is told.
 * @throws What `errorOf` makes of it after `ms`.
 */
export async function timeLimited<Value>(work: Promise<Value>, ms: number, errorOf: (cause: Error) => Error = (cause) => cause): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(errorOf(new Error(`no answer within ${ms} ms`))), ms)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
