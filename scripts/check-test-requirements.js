// @ts-check
// Before the tests, lists everything that they need and this machine does not have. Exits with 1 if anything is missing.
// Arguments: names of Debian packages, if only some of them are needed.

import { describeMissing, findMissing } from './test-requirements.js'

const wanted = process.argv.slice(2)
const missing = findMissing().filter(
  ({ name, isPackage }) => wanted.length === 0 || !isPackage || wanted.includes(name),
)
if (missing.length > 0) {
  console.error(describeMissing(missing))
  process.exitCode = 1
}
