/** Settings as text: as long as it stays the same, what was made from them lives on. */
export const settingsText = (settings: unknown): string =>
  // JSON has no Infinity.
  JSON.stringify(settings, (_key, value: unknown) => (value === Infinity ? 'never' : value))
