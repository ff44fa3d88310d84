import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../kit/until.ts'
import { chance } from './chance.ts'
import { check } from './checker.ts'
import type { Counts } from './checker.ts'
import { type Gateway, deliveringYaml, gateway as gatewayUnderTest } from './gateway.ts'
import { type Ledger, ledger } from './ledger.ts'
import type { Fate, TargetRecord } from './record.ts'
import { type BrokerKind, type Check, type RunResult, type Surroundings, exactly } from './scenario.ts'
import { type Sender, nowMs, sender } from './sender.ts'
import { type Target, startTarget } from './target.ts'

/** Everything that takes part, running. */
export interface Trial {
  readonly gateway: Gateway
  readonly sender: Sender
  readonly ledger: Ledger
  readonly target: Target
  random(): number
  tell(line: string): void
}

export interface TrialOptions {
  readonly scenario: string
  readonly broker: BrokerKind
  /** YAML of the broker. */
  readonly brokerYaml: string
  readonly lanes: number
  readonly ratePerSecond: number
  /** Longest time that the target takes for a delivery. */
  readonly workMs: number
  fate?(n: number): Fate
  /** Messages that the broker itself holds at the end, where there is a way to ask past the gateway. */
  leftOver?(): Promise<number>
}

/** What happens while messages flow; resolves when no more are to be sent. @returns The promises that are its own. */
export type Story = (trial: Trial) => Promise<readonly Check[]>

/** How long what was acknowledged may take to arrive once the trouble is over. */
const settleTimeoutMs = 180_000

/** Sets everything up, lets the story happen, waits until all is quiet, and compares the books. */
export async function trial(options: TrialOptions, surroundings: Surroundings, story: Story, judge: Judge = () => []): Promise<RunResult> {
  const startedAtMs = nowMs()
  const folder = await mkdtemp(join(tmpdir(), 'headgate-chaos-'))
  const run = `run${surroundings.seed.toString(36)}`
  const random = chance(surroundings.seed)
  const book = ledger()
  const target = await startTarget(run, folder, options.workMs)
  const gateway = await gatewayUnderTest({ folder, yaml: deliveringYaml(target.url, options.brokerYaml) })
  const publisher = sender({
    url: gateway.url,
    run,
    ledger: book,
    lanes: options.lanes,
    ratePerSecond: options.ratePerSecond,
    fate: options.fate ?? ((): Fate => 'handled'),
    random,
  })
  const tell = (line: string): void => surroundings.tell(`${options.scenario} on ${options.broker}: ${line}`)
  let kept = false
  try {
    await gateway.start()
    const own = await story({ gateway, sender: publisher, ledger: book, target, random, tell })
    tell(`${book.confirmed} messages acknowledged; waiting for the last of them`)
    const depth = await quiet(gateway, target, book, options)
    const deadLetters = await gateway.deadLetters(run)
    const leftOver = await emptied(options.leftOver)
    const ended = await gateway.stop()
    const record = await target.record()
    const counts = check(book, record, deadLetters)
    const checks = [...own, ...common({ counts, depth, leftOver, ended, gateway, book }), ...judge(counts, record)]
    kept = checks.every((one) => one.kept)
    return { scenario: options.scenario, broker: options.broker, counts, checks, seconds: (nowMs() - startedAtMs) / 1000 }
  } finally {
    publisher.giveUp()
    await publisher.close()
    await gateway.kill()
    await target.stop()
    if (kept) await rm(folder, { recursive: true, force: true })
    else surroundings.tell(`configuration, logs and store are kept in ${folder}`)
  }
}

/** Promises that the two books show together. */
export type Judge = (counts: Counts, record: TargetRecord) => readonly Check[]

interface End {
  readonly counts: Counts
  readonly depth: number | undefined
  readonly leftOver: number | undefined
  readonly ended: string
  readonly gateway: Gateway
  readonly book: Ledger
}

/** What every scenario promises. */
const common = ({ counts, depth, leftOver, ended, gateway, book }: End): readonly Check[] => [
  exactly('every message is acknowledged in the end', counts.acknowledged, counts.attempted),
  exactly(
    'no request is refused',
    [...book.refused.values()].reduce((sum, count) => sum + count, 0),
    0,
  ),
  exactly('nothing that was acknowledged is lost', counts.lost, 0),
  exactly('nothing arrives that was not sent', counts.unexpected, 0),
  exactly('the queue is empty at the end', depth, 0),
  ...(leftOver === undefined ? [] : [exactly('the broker holds nothing at the end', leftOver, 0)]),
  { promise: 'the gateway never ends by itself', kept: gateway.ownEnds.length === 0, seen: gateway.ownEnds.join(', ') || 'it did not' },
  { promise: 'the gateway stops when it is told to', kept: ended === 'exit 0', seen: ended },
]

/** The broker's own counts are some seconds old. @returns What it holds when it holds nothing, or after a while. */
async function emptied(leftOver: TrialOptions['leftOver']): Promise<number | undefined> {
  let count = await leftOver?.()
  const look = async (): Promise<boolean> => {
    if (count !== undefined && count > 0) count = await leftOver?.()
    return count === undefined || count === 0
  }
  await until('the broker holds nothing', look, 30_000).catch(() => undefined)
  return count
}

/** Waits until the target has everything or the queue stays empty. @returns Depth of the queue at the end. */
async function quiet(gateway: Gateway, target: Target, book: Ledger, options: TrialOptions): Promise<number | undefined> {
  let depth: number | undefined
  let emptySinceMs = Infinity
  const look = async (): Promise<boolean> => {
    depth = await gateway.depth().catch(() => undefined)
    emptySinceMs = depth === 0 ? Math.min(emptySinceMs, nowMs()) : Infinity
    if (depth !== 0) return false
    const { handled } = await target.progress()
    // A depth is some seconds old; an empty queue without all messages at the target must stay empty for a while to be believed.
    return (options.fate === undefined && handled >= book.confirmed) || nowMs() - emptySinceMs > 6000
  }
  await until('the queue is empty', look, settleTimeoutMs).catch(() => undefined)
  return depth
}
