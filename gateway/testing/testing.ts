/** For authors of adapters: `import { describeAdapter } from 'headgate/testing'`. */
export { describeAdapter } from './describe-adapter.ts'
export type { DescribeAdapterOptions, Example, TestRunner } from './describe-adapter.ts'
export { adapterHarness } from './adapter-harness.ts'
export type { AdapterHarness, AdapterHarnessOptions, CallOptions } from './adapter-harness.ts'
