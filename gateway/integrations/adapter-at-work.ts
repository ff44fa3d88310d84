import { AsyncLocalStorage } from 'node:async_hooks'
import type { AdapterInstance, OperationHandlers } from '../plugin.ts'

/** Names the integration whose adapter runs, also in what it leaves behind: timers, promises, listeners. */
const atWork = new AsyncLocalStorage<string>()

/**
 * The integration whose adapter let an error escape: a promise that it did not await, an exception in a timer or a listener of its own.
 * To be asked while `uncaughtException` is handled; undefined for errors of the gateway itself.
 */
export const adapterAtWork = (): string | undefined => atWork.getStore()

/** Runs code of the adapter of an integration, so that what escapes it later is known to be its own. */
export const asAdapter = <T>(integration: string, work: () => T): T => atWork.run(integration, work)

/**
 * An adapter whose methods run under the name of the integration. Their signals are aborted under it as well: an exception in a listener is thrown by
 * Node outside of any call.
 * @throws Error It is none.
 */
export const namedInstance = (integration: string, instance: AdapterInstance): AdapterInstance => {
  if (typeof instance !== 'object' || instance === null || typeof instance.operations !== 'object' || instance.operations === null)
    throw new Error('`create` has to give an object with `operations`')
  const { probe, webhook, close } = instance
  const run = <T>(work: () => T): T => asAdapter(integration, work)
  const handled = Object.entries(instance.operations).filter(([, handlers]) => typeof handlers?.run === 'function')
  return {
    operations: Object.fromEntries(handled.map(([name, handlers]) => [name, namedHandlers(integration, handlers)])),
    ...(probe === undefined ? {} : { probe: ({ signal }) => run(() => probe.call(instance, { signal: ownSignal(integration, signal) })) }),
    ...(webhook === undefined
      ? {}
      : { webhook: (request, { signal }) => run(() => webhook.call(instance, request, { signal: ownSignal(integration, signal) })) }),
    ...(close === undefined ? {} : { close: () => run(() => close.call(instance)) }),
  }
}

const namedHandlers = (integration: string, handlers: OperationHandlers): OperationHandlers => {
  const { runBatch, lookup, local } = handlers
  const run = <T>(work: () => T): T => asAdapter(integration, work)
  const own = <Call extends { readonly signal: AbortSignal }>(call: Call): Call => ({ ...call, signal: ownSignal(integration, call.signal) })
  return {
    run: (call) => run(() => handlers.run(own(call))),
    ...(runBatch === undefined
      ? {}
      : { runBatch: (calls, signal) => run(() => runBatch.call(handlers, calls.map(own), ownSignal(integration, signal))) }),
    ...(lookup === undefined ? {} : { lookup: (call) => run(() => lookup.call(handlers, own(call))) }),
    ...(local === undefined ? {} : { local: (call) => run(() => local.call(handlers, own(call))) }),
  }
}

const ownSignal = (integration: string, signal: AbortSignal): AbortSignal => {
  const controller = new AbortController()
  const abort = (): void => asAdapter(integration, () => controller.abort(signal.reason))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return controller.signal
}
