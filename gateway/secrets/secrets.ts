/** Values of secrets as they are at this moment. */
export interface Secrets {
  /**
   * Fills `${secret:name#field}` in; a text without references stays as it is.
   * @throws {GatewayError} SECRET_UNAVAILABLE; the message names the reference, never a value.
   */
  reveal(text: string): string
}
