/** Longest delay that `setTimeout` takes; a longer one would fire at once. */
export const longestTimerMs = 2 ** 31 - 1
