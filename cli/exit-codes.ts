/** Exit codes of every command; scripts rely on them. */
export const exitCodes = {
  ok: 0,
  /** Findings, no matching rule, an address in use: the command ran and the answer is no. */
  findings: 1,
  /** Something cannot be read, or the command line is wrong. */
  unusable: 2,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** A sentence for the person at the terminal, and the exit code that goes with it; no stack is shown. */
export class CommandError extends Error {
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = exitCodes.unusable) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}
