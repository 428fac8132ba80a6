// `desktop:` The server behind the gateway, and the credentials that the gateway uses there.

import type * as z from 'zod'

import { choice, flag, line, map } from './leaf.ts'
import { desktopRoutes } from './route-leaf.ts'
import { fingerprint, username } from './secret-leaves.ts'
import { byDefault, optional, required } from './setting.ts'
import { desktopUrl } from './web-leaves.ts'
import type { WrittenSettings } from './written-settings.ts'

export const desktopSchema: z.ZodType<WrittenSettings['desktop']> = map({
  url: required(desktopUrl, {
    env: 'GATEWAY_DESKTOP_URL',
    meaning: 'Address of the desktop server: `http://host:6901` or `https://host:6901`.',
  }),
  kind: byDefault(choice('kasmvnc', 'rfb'), 'kasmvnc', {
    env: 'GATEWAY_DESKTOP_KIND',
    meaning:
      'Kind of desktop server: `kasmvnc`, or `rfb` for standard RFB over WebSocket (noVNC, websockify).',
  }),
  username: optional(username, 'none', {
    env: 'GATEWAY_DESKTOP_USERNAME',
    meaning: 'User name of the Basic credentials sent for role `control`.',
  }),
  password: optional(line, 'none', {
    env: 'GATEWAY_DESKTOP_PASSWORD',
    secret: true,
    meaning: 'Password of the Basic credentials sent for role `control`.',
  }),
  viewer: map({
    username: optional(username, 'none', {
      env: 'GATEWAY_DESKTOP_VIEWER_USERNAME',
      meaning:
        'User name of the Basic credentials sent for role `view`. It must be a desktop user without write permission.',
    }),
    password: optional(line, 'none', {
      env: 'GATEWAY_DESKTOP_VIEWER_PASSWORD',
      secret: true,
      meaning: 'Password of the Basic credentials sent for role `view`.',
    }),
  }).prefault({}),
  owner: map({
    username: optional(username, 'none', {
      env: 'GATEWAY_DESKTOP_OWNER_USERNAME',
      meaning:
        'User name of the Basic credentials sent for role `owner`. It must be a desktop user who may use the API.',
    }),
    password: optional(line, 'none', {
      env: 'GATEWAY_DESKTOP_OWNER_PASSWORD',
      secret: true,
      meaning: 'Password of the Basic credentials sent for role `owner`.',
    }),
  }).prefault({}),
  tls: map({
    caFile: optional(line, 'system roots', {
      env: 'GATEWAY_DESKTOP_CA_FILE',
      meaning: 'File with the PEM certificates that are trusted for an https desktop.',
    }),
    fingerprint: optional(fingerprint, 'none', {
      env: 'GATEWAY_DESKTOP_TLS_FINGERPRINT',
      meaning:
        "SHA-256 fingerprint of the desktop's certificate, 64 hex digits with or without colons.",
    }),
    insecure: byDefault(flag, 'false', {
      env: 'GATEWAY_DESKTOP_TLS_INSECURE',
      meaning:
        '`true` accepts any certificate. Anyone on the network path can then pretend to be the desktop.',
    }),
  }).prefault({}),
  routes: optional(desktopRoutes, 'none', {
    env: undefined,
    meaning:
      'Further servers, each under its own path (audio, upload, microphone, gamepad). See below.',
  }),
  csp: optional(line, "the desktop kind's own policy", {
    env: undefined,
    meaning: "Content-Security-Policy of the desktop's documents. It replaces the built-in one.",
  }),
})
