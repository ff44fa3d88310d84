export { adapterHarness as adapterUnderTest } from '../../gateway/testing/adapter-harness.ts'
export type { AdapterHarness as AdapterUnderTest, AdapterHarnessOptions as AdapterUnderTestOptions } from '../../gateway/testing/adapter-harness.ts'
