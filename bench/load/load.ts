import { Connection, type Expected } from './connection.ts'
import { type LoadResult, Recorder, type Watched } from './recorder.ts'

/** One run of load against 127.0.0.1. */
export interface LoadOptions extends Watched {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly warmUpMs: number
  readonly durationMs: number
  readonly expected: Expected
  /** Requests start at this constant rate, whether or not earlier ones have ended; absent: each connection sends as soon as it has its answer. */
  readonly requestsPerSecond?: number
}

/** A pause after a failed request, so that a dead server is not hammered. */
const failurePauseMs = 20

/** The headers that a browser or a client library sends. */
const requestBytes = (options: LoadOptions): Buffer =>
  Buffer.from(
    [
      `GET ${options.path} HTTP/1.1`,
      `host: 127.0.0.1:${options.port}`,
      'user-agent: headgate-bench/1.0',
      'accept: application/json, text/plain, */*',
      'accept-language: en-GB,en;q=0.8',
      'authorization: Bearer c2FtcGxlLXRva2VuLWZvci10aGUtYmVuY2g',
      'x-request-id: 6f1c2f0e-5a53-4d0e-9d59-0c9b6a3f5d11',
      '',
      '',
    ].join('\r\n'),
  )

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/** Saturation: every connection always has one request in flight. */
const closedLoop = (options: LoadOptions, recorder: Recorder): (() => void) => {
  const request = requestBytes(options)
  let stopped = false
  const connections = Array.from(
    { length: options.connections },
    () =>
      new Connection(options.port, options.expected, {
        done(connection, startedAtMs, failure) {
          const nowMs = performance.now()
          recorder.done(nowMs - startedAtMs, failure)
          if (stopped) return
          if (failure === undefined) connection.send(request, nowMs)
          else setTimeout(() => stopped || connection.send(request, performance.now()), failurePauseMs)
        },
      }),
  )
  for (const connection of connections) connection.send(request, performance.now())
  return () => {
    stopped = true
    for (const connection of connections) connection.end()
  }
}

/** How long the open loop sleeps at most; the error of one latency stays near this. */
const tickMs = 0.05

/**
 * Constant rate. The latency of a request counts from the moment at which it was due, so a server that
 * stalls is charged for every request that had to wait (no coordinated omission).
 */
const openLoop = (options: LoadOptions, requestsPerSecond: number, recorder: Recorder): (() => void) => {
  const request = requestBytes(options)
  const idle: Connection[] = []
  const intervalMs = 1000 / requestsPerSecond
  let nextAtMs = performance.now()
  let stopped = false
  const sendDue = (): void => {
    const nowMs = performance.now()
    while (nextAtMs <= nowMs) {
      const connection = idle.pop()
      if (connection === undefined) return
      connection.send(request, nextAtMs)
      nextAtMs += intervalMs
    }
  }
  const connections = Array.from(
    { length: options.connections },
    () =>
      new Connection(options.port, options.expected, {
        done(connection, startedAtMs, failure) {
          recorder.done(performance.now() - startedAtMs, failure)
          idle.push(connection)
          sendDue()
        },
      }),
  )
  idle.push(...connections)
  // Timers of the event loop are good to 1 ms only. A short blocking sleep between two looks at the sockets is finer,
  // and leaves the core to the upstream meanwhile.
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  const turn = (): void => {
    if (stopped) return
    sendDue()
    Atomics.wait(sleeper, 0, 0, tickMs)
    setImmediate(turn)
  }
  turn()
  return () => {
    stopped = true
    for (const connection of connections) connection.end()
  }
}

/** Warms up, measures, stops. Never throws because of the server: failures are counted. */
export const load = async (options: LoadOptions): Promise<LoadResult> => {
  const recorder = new Recorder(options)
  const stop = options.requestsPerSecond === undefined ? closedLoop(options, recorder) : openLoop(options, options.requestsPerSecond, recorder)
  await pause(options.warmUpMs)
  recorder.start()
  await pause(options.durationMs)
  const result = recorder.stop()
  stop()
  return result
}
