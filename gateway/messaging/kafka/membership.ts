import type { Consumer } from '@platformatic/kafka'
import type { BrokerLog } from '../broker.ts'
import type { Clients } from './library.ts'
import { briefly, describeFailure } from './library.ts'
import type { Link } from './link.ts'

/** One member of a consumer group, kept alive: it joins again, as a new member, whenever the client has given up. */
export interface Membership {
  /** The member, while it may commit: undefined before it has joined and while the group is being divided anew. */
  readonly member: Consumer | undefined
  /** Leaves and joins anew: the topics are not any more what they were when the group was divided. */
  renew(why: unknown): void
  /** Says goodbye, so that the others need not wait for the session to end. */
  leave(): Promise<void>
}

export interface MembershipOptions {
  readonly clients: Clients
  readonly group: string
  readonly topics: readonly string[]
  readonly log: BrokerLog
  readonly link: Link
  /**
   * The group is divided anew. Called before the member agrees to it: what `member` commits within this call still counts, and
   * `member.assignments` is what remains.
   */
  onRebalance(member: Consumer): void
  /** Joined; `member.assignments` is what it has. */
  onJoin(member: Consumer): void
  /** No longer known to the group: everything it had belongs to others. */
  onLost(): void
}

const rejoinPauseMs = 500
/** How often it is looked whether the topics have more or fewer partitions: nobody tells the members of a group, and nobody reads new ones. */
const lookPauseMs = 5000

export function membership(options: MembershipOptions): Membership {
  const { group, topics, log, link } = options
  let current: Consumer | undefined
  let stable = false
  let left = false
  let timer: NodeJS.Timeout | undefined
  let giveUp: (why: unknown) => void = () => {}

  const join = async (): Promise<void> => {
    const member = options.clients.member(group)
    current = member
    let isSilent = false
    const isCurrent = (): boolean => current === member && !left
    const lose = (error: unknown): void => {
      if (!isCurrent()) return
      log.debug({ group, error: describeFailure(error) }, 'consumer group left')
      current = undefined
      stable = false
      options.onLost()
      void end(member)
      clearTimeout(timer)
      timer = setTimeout(() => void join(), rejoinPauseMs)
    }
    giveUp = lose
    member.on('consumer:group:rebalance', () => {
      if (!isCurrent()) return
      stable = false
      options.onRebalance(member)
    })
    member.on('consumer:group:join', () => {
      if (!isCurrent()) return
      isSilent = false
      stable = true
      link.succeeded()
      options.onJoin(member)
    })
    // Silent for a whole session: others may have its partitions by now. The client goes on asking; when the broker was away itself,
    // the group knows the member still, and nobody has to wait for the end of a session that nobody holds.
    member.on('consumer:heartbeat:stalled', () => {
      if (!isCurrent()) return
      isSilent = true
      stable = false
      options.onLost()
    })
    member.on('consumer:heartbeat:end', () => {
      if (!isCurrent() || !isSilent) return
      isSilent = false
      stable = true
      options.onJoin(member)
    })
    const events: NodeJS.EventEmitter = member
    events.on('error', lose)
    member.topics.trackAll(...topics)
    try {
      await member.joinGroup({})
      const count = await partitionCount(member, topics)
      lookLater(member, count)
    } catch (error) {
      link.failed(error)
      lose(error)
    }
  }
  const lookLater = (member: Consumer, before: number): void => {
    if (current === member && !left) timer = setTimeout(() => void look(member, before), lookPauseMs)
  }
  const look = async (member: Consumer, before: number): Promise<void> => {
    try {
      const now = await partitionCount(member, topics)
      if (now !== before && current === member) giveUp(new Error(`the topics have ${now} partitions instead of ${before}`))
    } catch {
      // The broker is away; the heartbeats will tell.
    }
    lookLater(member, before)
  }
  void join()
  return {
    get member() {
      return stable ? current : undefined
    },
    renew: (why) => giveUp(why),
    async leave() {
      left = true
      stable = false
      clearTimeout(timer)
      const member = current
      current = undefined
      if (member !== undefined) await end(member)
    },
  }
}

async function partitionCount(member: Consumer, topics: readonly string[]): Promise<number> {
  const metadata = await member.metadata({ topics: [...topics], metadataMaxAge: lookPauseMs / 2 })
  return topics.reduce((sum, topic) => sum + (metadata.topics.get(topic)?.partitionsCount ?? 0), 0)
}

const goodbyeMs = 2000

/** Never rejects; when the broker is away, the session ends by itself. */
const end = (member: Consumer): Promise<void> => briefly(member.close(true), goodbyeMs)
