/** Text for people, with user and password of any URL in it left out: `amqp://***@127.0.0.1:5672`. */
export const withoutCredentials = (text: string): string =>
  text.replace(/:\/\/([^\s/?#@"'`]+)@/g, (whole, found: string) => (/^(?:\$\{env:\w+\}:?)+$/.test(found) ? whole : '://***@'))

/** Stands in for each character of a secret, so that places in a text stay what they are; a run of it is shown as `***`. A noncharacter of Unicode. */
export const maskCharacter = '\u{fdd0}'
