const stopSignals = { SIGINT: 2, SIGTERM: 15 } as const

export interface SignalDeps {
  /** SIGHUP. */
  readonly onReload: () => void
  /** Second SIGINT or SIGTERM: the person or the process manager wants it over. @param exitCode 128 and the number of the signal. */
  readonly onForce: (exitCode: number) => void
}

/** Settles with the first SIGINT or SIGTERM. The handlers stay for as long as the process does. */
export const stopSignal = (deps: SignalDeps): Promise<string> =>
  new Promise((resolve) => {
    let stopping = false
    for (const [signal, number] of Object.entries(stopSignals)) {
      process.on(signal, () => {
        if (stopping) deps.onForce(128 + number)
        stopping = true
        resolve(signal)
      })
    }
    process.on('SIGHUP', deps.onReload)
  })
