/** What a publisher hands over. Never changed after it was published. */
export interface Message {
  /** Unique; chosen by the publisher, kept through retries, dead letters and replays. */
  readonly id: string
  readonly body: Buffer
  /** `content-type` of the body; undefined where the publisher named none. */
  readonly contentType: string | undefined
  /**
   * Names in lower case, values as text. CloudEvents attributes stand here as `ce-type`, `ce-source` and so on, percent-encoded as in
   * HTTP; trace context as `traceparent`; the intent as `idempotency-key`.
   */
  readonly headers: Readonly<Record<string, string>>
  /** Messages of one key are handled in their order, one at a time, by consumers that ask for it (`order_by`). */
  readonly key: string | undefined
  /** Milliseconds since the epoch, by the publisher's clock. */
  readonly publishedAtMs: number
}

/** Where a message goes: to every queue that is bound to `exchange` for `routingKey`. */
export interface Address {
  readonly exchange: string
  readonly routingKey: string
}

/** Header that marks a message whose sender may ask how it goes (see `jobs/job-store.ts`). */
export const jobHeader = 'headgate-job'
