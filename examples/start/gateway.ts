import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface GatewayRun {
  /** Exit code: 0 after a clean stop. */
  readonly exited: Promise<number>
  /** True once the gateway is ready, false when it ended before. */
  ready(adminPort: number): Promise<boolean>
  stop(signal: NodeJS.Signals): void
  kill(): void
}

const root = fileURLToPath(new URL('../..', import.meta.url))

const isReady = async (adminPort: number): Promise<boolean> => {
  try {
    const response = await fetch(`http://127.0.0.1:${adminPort}/readyz`)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

/** Runs the gateway in a process of its own, with its output on this terminal. */
export const gateway = (args: readonly string[], env: NodeJS.ProcessEnv): GatewayRun => {
  // A process group of its own: Ctrl-C must reach it once, through us, because a second signal means "now".
  const child = spawn(process.execPath, ['cli/headgate.js', 'run', ...args], { cwd: root, env, stdio: 'inherit', detached: true })
  const exited = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : 1))
  let running = true
  void exited.then(() => (running = false))
  return {
    exited,
    ready: async (adminPort) => {
      while (running) {
        if (await isReady(adminPort)) return true
        await Promise.race([exited, sleep(50)])
      }
      return false
    },
    stop: (signal) => void child.kill(signal),
    kill: () => void child.kill('SIGKILL'),
  }
}
