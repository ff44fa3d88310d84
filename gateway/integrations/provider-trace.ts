import { AsyncLocalStorage } from 'node:async_hooks'

/** Trace of the operation that runs now; its headers go with every call to the provider. */
export const providerTrace = new AsyncLocalStorage<{ readonly traceparent: string }>()
