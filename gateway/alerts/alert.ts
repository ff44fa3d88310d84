/** Something that a person should know. */
export interface Alert {
  /** Names the thing: alerts with the same one within `deduplicate` of the channel are one. `payment.create_payment/invalid_response`. */
  readonly about: string
  /** One sentence; no secrets, no personal data. */
  readonly summary: string
  readonly severity: 'warning' | 'critical'
  /** Facts by name: integration, operation, failure, intent id. */
  readonly fields: Readonly<Record<string, string | number | boolean>>
}

export interface Alerts {
  /** Never throws and never waits for the channel: what cannot be sent is logged. @param channel Undefined for `default`, or the log. */
  raise(channel: string | undefined, alert: Alert): void
}
