import type { ChildProcess } from 'node:child_process'

/** SIGKILL to a process that was started for a test, sent before this returns; resolves when it is gone. Nothing to do for one that has ended. */
export async function killed(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
