import type { QueueConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'

/**
 * Delays of the retry topic, one partition each: a record waits in the first partition whose delay is not shorter than its own, so that
 * those behind it are late by that delay at most. Longer delays go through the last one again.
 */
export const retryDelaysMs = [1000, 10_000, 60_000, 600_000, 3_600_000] as const

/** Partition of the retry topic for a delay in milliseconds. */
export function retryLevel(delayMs: number): number {
  const level = retryDelaysMs.findIndex((delay) => delayMs <= delay)
  return level === -1 ? retryDelaysMs.length - 1 : level
}

export const retryTopic = (queue: string): string => `${queue}.retry`
export const deadLetterTopic = (queue: string): string => `${queue}.dlq`

/** Consumer groups: every gateway that takes from a queue is a member of the first, every one that brings retries back of the second. */
export const queueGroup = (queue: string): string => `headgate.${queue}`
export const retryGroup = (queue: string): string => `headgate.${queue}.retry`

/** @throws {GatewayError} BROKER_MISCONFIGURED for a name that Kafka does not take for a topic, with the suffixes above. */
export function checkTopicName(queue: QueueConfig): void {
  if (!/^[a-zA-Z0-9._-]{1,240}$/.test(queue.name) || /^\.+$/.test(queue.name)) {
    throw new GatewayError('BROKER_MISCONFIGURED', {
      detail: `Kafka takes no topic named "${queue.name}": letters, digits, ".", "_" and "-", at most 240 of them.`,
    })
  }
}
