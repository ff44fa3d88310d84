import { readFileSync } from 'node:fs'

/** What a process and all its descendants have used so far. */
export interface ProcessUsage {
  /** User and system time of every thread, microseconds; the kernel counts in steps of 10 ms. */
  readonly cpuUs: number
  /** Resident memory now, bytes. */
  readonly rssBytes: number
  /** Highest resident memory since each process started, bytes. */
  readonly peakRssBytes: number
}

/** USER_HZ: 100 on every Linux that Node runs on. */
const tickUs = 10_000

const descendants = (pid: number): number[] => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  return [pid, ...children.flatMap(descendants)]
}

const cpuUs = (pid: number): number => {
  // The command name stands in parentheses and may hold spaces: fields are counted from behind it.
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickUs
}

const memory = (pid: number): { rssBytes: number; peakRssBytes: number } => {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  return { rssBytes: kibibytes('VmRSS') * 1024, peakRssBytes: kibibytes('VmHWM') * 1024 }
}

/**
 * Time that all cores together have spent on anything but waiting, microseconds, time taken by the hypervisor for other guests included.
 * The difference of two calls shows what the rest of the machine was doing meanwhile.
 */
export const machineCpuUs = (): number => {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] =
    /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]?.split(' ').map(Number) ?? []
  return (user + nice + system + irq + softirq + steal) * tickUs
}

/** Reads /proc (Linux only). Throws when the process is gone. */
export const processUsage = (pid: number): ProcessUsage => {
  const sum = { cpuUs: 0, rssBytes: 0, peakRssBytes: 0 }
  for (const id of descendants(pid)) {
    const { rssBytes, peakRssBytes } = memory(id)
    sum.cpuUs += cpuUs(id)
    sum.rssBytes += rssBytes
    sum.peakRssBytes += peakRssBytes
  }
  return sum
}
