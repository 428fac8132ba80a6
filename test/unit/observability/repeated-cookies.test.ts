import { expect, it } from 'vitest'
import { createMetrics } from '../../../src/observability/metrics.ts'
import { createReportRepeatedCookie } from '../../../src/observability/repeated-cookies.ts'

it('counts every repeated cookie, and audits at most one a minute', async () => {
  const metrics = createMetrics('test')
  const written: unknown[] = []
  let time = 0
  const report = createReportRepeatedCookie(
    metrics,
    { write: (event) => written.push(event) },
    () => time,
  )
  report('session')
  report('login')
  time = 59_999
  report('session')
  expect(written).toEqual([{ event: 'cookie_repeated', reason: 'session' }])
  time = 60_000
  report('logout')
  expect(written).toHaveLength(2)
  const { values } = await metrics.cookiesRepeated.get()
  expect(values.map(({ labels, value }) => [labels.cookie, value])).toEqual([
    ['session', 2],
    ['login', 1],
    ['logout', 1],
  ])
})
