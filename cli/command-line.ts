import { InvalidArgumentError, Option } from 'commander'

/** For options that may be given several times. */
export const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** A whole number from 1 to `most`, as the value of an option. */
export const wholeNumber =
  (most: number): ((value: string) => number) =>
  (value) => {
    const count = /^[0-9]{1,9}$/.test(value) ? Number(value) : 0
    if (count < 1 || count > most) throw new InvalidArgumentError(`Write a whole number from 1 to ${most}.`)
    return count
  }

export const configOption = (): Option =>
  new Option('-c, --config <path>', 'configuration file or folder; several are layered, later ones win (default: ./gateway.yaml)').argParser(
    collected,
  )

export const formatOption = (choices: readonly string[]): Option =>
  new Option('--format <format>', 'how to print').choices(choices).default(choices[0])

/** Shown below the help of a command. */
export const examples = (lines: readonly string[]): string => `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`
