/** A template that is wrong, or that cannot be filled with these values. The message names the place and the expression, never a value. */
export class TemplateError extends Error {
  /** Place within the template. */
  readonly steps: readonly (string | number)[]

  constructor(message: string, steps: readonly (string | number)[], cause?: unknown) {
    super(steps.length === 0 ? message : `${placeOf(steps)}: ${message}`, cause === undefined ? undefined : { cause })
    this.name = 'TemplateError'
    this.steps = steps
  }
}

/** `items[0].price` */
const placeOf = (steps: readonly (string | number)[]): string =>
  steps.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('')
