import type { Json, OperationCall } from '../../gateway/plugin.ts'
import { ProviderFailure } from '../../gateway/plugin.ts'
import { mailOf, recipientsOf } from './mail.ts'
import type { Mail } from './mail.ts'
import type { AddressInput } from './addresses.ts'

/** A mail and where its answer belongs. */
export interface BatchItem {
  readonly index: number
  readonly mail: Mail
}

export type BatchAnswer = Json | ProviderFailure

export interface Batching {
  readonly from: AddressInput | undefined
  /** Mails with the same text can be one call; undefined for one that goes alone. */
  groupOf(mail: Mail): string | undefined
  readonly maxMails: number
  readonly maxRecipients: number
  /** An answer for each mail, in their order. What it throws is the answer of them all. */
  sendGroup(mails: readonly Mail[]): Promise<readonly BatchAnswer[]>
}

/** Puts mails together that can be one call to the provider. @returns An answer for each call, in their order. */
export async function inBatches(calls: readonly OperationCall[], batching: Batching): Promise<readonly BatchAnswer[]> {
  const { from, groupOf, maxMails, maxRecipients, sendGroup } = batching
  const answers: BatchAnswer[] = calls.map(() => null)
  const groups = new Map<string, BatchItem[]>()
  for (const [index, call] of calls.entries()) {
    try {
      const mail = mailOf(call, from)
      const group = groupOf(mail) ?? `alone ${index}`
      const items = groups.get(group)
      if (items === undefined) groups.set(group, [{ index, mail }])
      else items.push({ index, mail })
    } catch (error) {
      answers[index] = failureOf(error)
    }
  }
  for (const chunk of [...groups.values()].flatMap((group) => chunks(group, maxMails, maxRecipients))) {
    const mails = chunk.map(({ mail }) => mail)
    const got = await sendGroup(mails).catch((error: unknown) => mails.map(() => failureOf(error)))
    for (const [position, { index }] of chunk.entries()) answers[index] = got[position] ?? unanswered()
  }
  return answers
}

function chunks(items: readonly BatchItem[], maxMails: number, maxRecipients: number): BatchItem[][] {
  const made: BatchItem[][] = []
  let recipients = 0
  for (const item of items) {
    const count = recipientsOf(item.mail).length
    const last = made.at(-1)
    if (last === undefined || last.length >= maxMails || recipients + count > maxRecipients) {
      made.push([item])
      recipients = count
    } else {
      last.push(item)
      recipients += count
    }
  }
  return made
}

/** The other mails of a batch keep their answers when one meets a fault of ours. */
export const failureOf = (error: unknown): ProviderFailure =>
  error instanceof ProviderFailure ? error : new ProviderFailure('internal', 'the adapter failed', { executed: 'unknown', cause: error })

const unanswered = (): ProviderFailure => new ProviderFailure('invalid_response', 'no answer for this mail of the batch', { executed: 'unknown' })
