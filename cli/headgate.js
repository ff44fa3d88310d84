#!/usr/bin/env node
// Old syntax on purpose: this file must still parse on a Node that is too old, so that it can say so in one sentence.
var floor = [22, 19]
var version = process.versions.node.split('.').map(Number)

if (version[0] < floor[0] || (version[0] === floor[0] && version[1] < floor[1])) {
  console.error('headgate needs Node ' + floor.join('.') + ' or newer; this is Node ' + process.versions.node + '.')
  process.exitCode = 2
} else {
  // The repository has the sources beside this file; the published package has only what was built from them.
  var source = new URL('./main.ts', import.meta.url)
  var built = new URL('../dist/cli/main.js', import.meta.url)
  import(process.getBuiltinModule('fs').existsSync(source) ? source.href : built.href).catch(function (error) {
    console.error(error)
    process.exitCode = 1
  })
}
