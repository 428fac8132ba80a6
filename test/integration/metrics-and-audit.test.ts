import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Person } from '../support/person.ts'
import {
  expectNothingSecret,
  metric,
  signIn,
  withScriptedStack,
} from '../support/scripted-stack.ts'

/** The metrics in docs/metrics.md. */
const METRICS = {
  ghostwire_authorizations_total: 'counter',
  ghostwire_build_info: 'gauge',
  ghostwire_certificate_expiry_timestamp_seconds: 'gauge',
  ghostwire_connections_limit: 'gauge',
  ghostwire_connections_open: 'gauge',
  ghostwire_connections_refused_total: 'counter',
  ghostwire_cookies_repeated_total: 'counter',
  ghostwire_desktop_request_duration_seconds: 'histogram',
  ghostwire_desktop_up: 'gauge',
  ghostwire_logins_total: 'counter',
  ghostwire_oidc_request_duration_seconds: 'histogram',
  ghostwire_provider_up: 'gauge',
  ghostwire_requests_failed_total: 'counter',
  ghostwire_session_refreshes_total: 'counter',
  ghostwire_sessions_active: 'gauge',
  ghostwire_sessions_ended_total: 'counter',
  ghostwire_store_up: 'gauge',
  ghostwire_tunnel_bytes_total: 'counter',
  ghostwire_tunnel_duration_seconds: 'histogram',
  ghostwire_tunnels_closed_total: 'counter',
  ghostwire_input_idle_seconds: 'gauge',
  ghostwire_tunnels_open: 'gauge',
  ghostwire_tunnels_stalled: 'gauge',
  ghostwire_rfb_unknown_total: 'counter',
  ghostwire_upgrades_refused_total: 'counter',
}

it('the metrics are the documented ones and Node’s own', async () => {
  await withScriptedStack({}, async (stack) => {
    const person = new Person()
    await signIn(stack, '/', person)
    await person.visit(stack.at('/vnc.html'))
    const response = await fetch(`${stack.gateway.admin}/metrics`)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    const kinds = Object.fromEntries(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', kind]) => [name, kind]),
    )
    const ours = Object.entries(kinds).filter(([name]) => name.startsWith('ghostwire_'))
    expect(Object.fromEntries(ours)).toEqual(METRICS)
    const others = Object.keys(kinds).filter((name) => !name.startsWith('ghostwire_'))
    expect(others.filter((name) => !/^(process|nodejs)_/.test(name))).toEqual([])
    expect(others).toContain('process_resident_memory_bytes')

    const { gateway } = stack
    expect(await metric(gateway, 'ghostwire_logins_total', { outcome: 'ok' })).toBe(1)
    expect(await metric(gateway, 'ghostwire_sessions_active')).toBe(1)
    expect(await metric(gateway, 'ghostwire_store_up')).toBe(1)
    expect(await metric(gateway, 'ghostwire_desktop_up')).toBe(0)
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
    expect(await metric(gateway, 'ghostwire_build_info', { version })).toBe(1)
    for (const operation of ['discovery', 'token', 'jwks']) {
      const labels = { operation, outcome: 'ok' }
      expect(
        await metric(gateway, 'ghostwire_oidc_request_duration_seconds_count', labels),
      ).toBeGreaterThan(0)
    }
    // Metrics must not identify people; the audit does.
    expect(text).not.toMatch(/alice|127\.0\.0\.1|desktop-users/i)
    expectNothingSecret(text)
  })
})

it('the audit file has the same lines as the audit on stdout, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
  const file = join(folder, 'audit.log')
  try {
    const events = await withScriptedStack(
      { environment: { GATEWAY_AUDIT_FILE: file } },
      async (stack) => {
        const person = new Person()
        await signIn(stack, '/', person)
        await person.request(stack.at('/oauth2/sign_out'), {
          method: 'POST',
          headers: { origin: stack.gateway.origin },
        })
        await person.visit(stack.at('/oauth2/callback?state=x'))
        return stack.gateway.audit()
      },
    )
    expect(events.map(({ event }) => event)).toEqual(['login', 'session_ended', 'login_refused'])
    const written = await readFile(file, 'utf8')
    expect(
      written
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(events)
  } finally {
    await rm(folder, { recursive: true })
  }
})

it('an audit file that cannot be written causes an error in the log, and people can still sign in', async () => {
  const environment = { GATEWAY_AUDIT_FILE: '/dev/full' }
  await withScriptedStack({ environment }, async (stack) => {
    expect((await signIn(stack)).status).toBe(302)
    expect(stack.gateway.audit('login')).toHaveLength(1)
    // The write fails only after the answer was sent.
    const errors = (): readonly unknown[] =>
      stack.gateway.lines.filter(({ level }) => level === 'error').map(({ msg }) => msg)
    await expect.poll(errors).toEqual(['the audit file cannot be written'])
  })
})

it('no log line contains a token, a code, a state, a cookie or a person’s address', async () => {
  await withScriptedStack({}, async (stack) => {
    const person = new Person()
    const { location } = await person.visit(stack.at('/vnc.html'))
    const back = stack.op.signIn(location as URL)
    const jar = [...(person.jars.get('localhost') ?? [])]
    await person.visit(back)
    await person.visit(stack.at('/vnc.html'))
    await person.visit(stack.at('/oauth2/userinfo'))
    const held = [...jar, ...(person.jars.get('localhost') ?? [])]
    stack.op.script({ token: () => ({ status: 400, body: { error: 'invalid_grant' } }) })
    await signIn(stack)
    await person.request(stack.at('/oauth2/sign_out'), {
      method: 'POST',
      headers: { origin: stack.gateway.origin },
    })
    await stack.gateway.stop()

    const log = JSON.stringify(stack.gateway.lines.filter(({ audit }) => audit === undefined))
    expect(log).not.toContain('alice@example.com')
    const all = JSON.stringify(stack.gateway.lines)
    expectNothingSecret(all)
    for (const [, value] of held) expect(all).not.toContain(value)
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(all).not.toContain(location?.searchParams.get(name))
    }
  })
})
