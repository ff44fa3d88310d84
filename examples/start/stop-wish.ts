/** Milliseconds in which repeated signals are one wish: npm passes a signal on although the terminal has sent it already. */
const sameWishMs = 1000
const parentCheckMs = 250

interface Stoppable {
  stop(signal: NodeJS.Signals): void
  kill(): void
}

/** Stops on the first signal and kills on a later one. */
export const onStopWish = (target: Stoppable): void => {
  let firstAtMs: number | undefined
  const wish = (signal: NodeJS.Signals): void => {
    if (firstAtMs === undefined) target.stop(signal)
    else if (performance.now() - firstAtMs > sameWishMs) target.kill()
    firstAtMs ??= performance.now()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, wish)
  if (process.env['npm_lifecycle_event'] !== undefined) followParent(() => void (firstAtMs ?? wish('SIGTERM')))
}

/** npm ends its shell on SIGTERM, and the shell tells nobody: what npm started would go on alone. */
const followParent = (onGone: () => void): void => {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) onGone()
  }, parentCheckMs).unref()
}
