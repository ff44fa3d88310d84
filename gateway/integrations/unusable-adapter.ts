/** The adapter of an integration cannot be used as it is configured. The message is a sentence for the operator, and begins with the place. */
export class UnusableAdapter extends Error {
  /** Also known by it when a worker has sent it. */
  readonly code = 'UNUSABLE_ADAPTER'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnusableAdapter'
  }
}
