/** What JSON leaves as it is, and a terminal might obey: C1 control characters, line separators, changes of direction. */
const steering = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g

/** JSON that is safe to look at: whatever could steer a terminal is escaped, which means the same to every reader. */
export const jsonText = (value: object, indent?: number): string => {
  const text = JSON.stringify(value, undefined, indent)
  return `${text.replace(steering, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`
}
