import type { Progress } from '../../gateway/messaging/dead-letter.ts'
import type { Io } from '../io.ts'

/** Between two changes of the line; more often than ten times in a second nobody can read. */
const everyMs = 100
const eraseLine = '\r\u001b[2K'

export interface ProgressLine {
  readonly tick: Progress
  /** Takes the line away. */
  end(): void
}

/**
 * One line on standard error that counts along; nothing where that is no terminal.
 * @param now Milliseconds on any clock.
 */
export const progressLine = (label: string, err: Io['err'], now: () => number): ProgressLine => {
  let shownAtMs = now()
  let shown = false
  return {
    tick: (done) => {
      if (err.columns === undefined || now() - shownAtMs < everyMs) return
      shownAtMs = now()
      shown = true
      err.write(`${eraseLine}${label} ${done.toLocaleString('en')}`)
    },
    end: () => {
      if (shown) err.write(eraseLine)
    },
  }
}
