// Options about logs and the gateway's pages.

import { none, type Option } from './option.ts'

const ALWAYS_JSON = 'The log is JSON, one object per line, and has no templates.'
const ON_STDOUT =
  'The log goes to stdout; let the service manager or the container runtime keep it. `audit.file` writes the audit into a file too.'
const AUDIT = 'The audit has a line for every decision and cannot be turned off.'
const OWN_PAGES =
  'The pages of the gateway have no templates: what they say follows from the reason of the failure.'

export const LOG_OPTIONS: readonly Option[] = [
  none('auth-logging', 'flag', AUDIT, { builtIn: ['true'] }),
  none('auth-logging-format', 'text', ALWAYS_JSON),
  none(
    'request-logging',
    'flag',
    'Requests are not logged one by one, except those that fail. The audit has the decisions.',
    {
      builtIn: ['true', 'false'],
    },
  ),
  none('request-logging-format', 'text', ALWAYS_JSON),
  none('standard-logging', 'flag', 'Set `logLevel` to see less.', { builtIn: ['true'] }),
  none('standard-logging-format', 'text', ALWAYS_JSON),
  none('errors-to-info-log', 'flag', 'All lines go to stdout.', { builtIn: ['true', 'false'] }),
  none('exclude-logging-path', 'list', 'Requests are not logged one by one.'),
  none('silence-ping-logging', 'flag', 'Probes are not logged.', { builtIn: ['true', 'false'] }),
  none('request-id-header', 'text', 'The gateway makes the request ID itself.'),
  none('logging-filename', 'text', ON_STDOUT),
  none('logging-max-size', 'number', ON_STDOUT),
  none('logging-max-age', 'number', ON_STDOUT),
  none('logging-max-backups', 'number', ON_STDOUT),
  none('logging-compress', 'flag', ON_STDOUT, { builtIn: ['false'] }),
  none('logging-local-time', 'flag', 'Times are in UTC.', { builtIn: ['true', 'false'] }),
  none('custom-templates-dir', 'text', OWN_PAGES),
  none('custom-sign-in-logo', 'text', OWN_PAGES, { builtIn: ['-'] }),
  none('banner', 'text', OWN_PAGES, { builtIn: ['-'] }),
  none('footer', 'text', OWN_PAGES, { builtIn: ['-'] }),
  none('display-htpasswd-form', 'flag', 'The gateway keeps no passwords and shows no form.', {
    builtIn: ['true', 'false'],
  }),
  none(
    'show-debug-on-error',
    'flag',
    'Pages show a reason and a request ID; the log has the details.',
    { builtIn: ['false'] },
  ),
]
