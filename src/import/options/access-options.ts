// Options that decide who gets in.

import { becomes, none, type Option } from './option.ts'

const RULES = ['allowGroups', 'access'] as const
const BY_GROUP_OF_ANOTHER =
  'The gateway decides by groups, addresses and claims that the provider sends. Let the provider send a group, and name it in `allowGroups`.'

export const ACCESS_OPTIONS: readonly Option[] = [
  becomes(
    ['allowEmailDomains', 'allowAnyone', 'access'],
    'email-domain',
    'list',
    '`*` alone becomes `allowAnyone`. Together with groups it becomes rules in `access` that require both, as in oauth2-proxy. A domain with its subdomains (`.example.com`) has no counterpart: list each domain.',
    { restricts: true },
  ),
  becomes(
    ['allowEmails', 'access'],
    'authenticated-emails-file',
    'text',
    'The importer reads the file, if it is there, and writes the addresses into the settings. A later change of the file has no effect.',
    { restricts: true },
  ),
  becomes(RULES, 'allowed-group', 'list', '', { restricts: true }),
  becomes(
    'access',
    'allowed-role',
    'list',
    'Becomes `match.claims` for `realm_access.roles`, or `resource_access.CLIENT.roles` for `CLIENT:ROLE`. oauth2-proxy reads roles from the access token, the gateway from the ID token: turn on "Add to ID token" for the roles in Keycloak.',
    { restricts: true },
  ),
  becomes(RULES, 'keycloak-group', 'list', '', { restricts: true }),
  becomes(
    RULES,
    'gitlab-group',
    'list',
    'GitLab sends the full path of each group. A member of `team/web` is not a member of `team` for a rule.',
    { restricts: true },
  ),
  none('gitlab-project', 'list', BY_GROUP_OF_ANOTHER, { restricts: true }),
  becomes(RULES, 'github-org', 'text', 'An organisation is the group `ORG`.', { restricts: true }),
  becomes(
    RULES,
    'github-team',
    'text',
    'A team is the group `ORG:TEAM`. It needs `github-org`, or its organisation in the name.',
    { restricts: true },
  ),
  none('github-repo', 'text', BY_GROUP_OF_ANOTHER, { restricts: true }),
  none(
    'github-token',
    'text',
    'It serves `github-repo`, which has no counterpart. Revoke the token.',
    { isSecret: true },
  ),
  none(
    'github-user',
    'list',
    'No rule names a person by the login name. Add their addresses as a rule with `match.emails`.',
    { restricts: true },
  ),
  none('bitbucket-team', 'text', BY_GROUP_OF_ANOTHER, { restricts: true }),
  none('bitbucket-repository', 'text', BY_GROUP_OF_ANOTHER, { restricts: true }),
  none(
    'google-group',
    'list',
    'Google sends no groups, and the gateway does not ask the Admin SDK. Use `allowEmails`, or put Dex or Keycloak between Google and the gateway and name the groups in `allowGroups`.',
    { restricts: true },
  ),
  none('google-admin-email', 'text', 'It serves `google-group`, which has no counterpart.'),
  none('google-service-account-json', 'text', 'It serves `google-group`. Delete the key.'),
  none(
    'google-use-application-default-credentials',
    'text',
    'It serves `google-group`, which has no counterpart.',
    { builtIn: ['false'] },
  ),
  none('google-target-principal', 'text', 'It serves `google-group`, which has no counterpart.'),
  none(
    'google-use-organization-id',
    'text',
    'A person is always known by issuer and subject. The name is for display only.',
    { builtIn: ['false'] },
  ),
  none('google-admin-api-user-scope', 'text', 'It serves `google-use-organization-id`.'),
  becomes(
    'oidc.issuer',
    'entra-id-allowed-tenant',
    'list',
    'One tenant becomes the issuer of that tenant. For several tenants, write a list of providers in `oidc`, one with the issuer of each tenant.',
    { restricts: true },
  ),
  none(
    'htpasswd-file',
    'text',
    'The gateway keeps no passwords: everybody signs in at the provider. Create these people there, and name them in a rule.',
    { restricts: true },
  ),
  none('htpasswd-user-group', 'list', 'It serves `htpasswd-file`, which has no counterpart.', {
    restricts: true,
  }),
  none(
    'skip-auth-route',
    'list',
    'Nothing of the desktop is reachable without a sign-in. Serve public paths elsewhere, beside the gateway. What `!=` keeps protected is protected anyway.',
    { restricts: true },
  ),
  none(
    'skip-auth-regex',
    'list',
    'Nothing of the desktop is reachable without a sign-in. Serve public paths elsewhere, beside the gateway.',
    { key: 'skip_auth_regex', restricts: true },
  ),
  none(
    'skip-auth-preflight',
    'flag',
    'OPTIONS requests need a session like all others. The desktop is used from its own origin, which sends none.',
    { builtIn: ['false'], restricts: true },
  ),
  none(
    'trusted-ip',
    'list',
    'No address replaces a sign-in. Let these people sign in at the provider and name them in a rule.',
    { restricts: true },
  ),
  none(
    'skip-jwt-bearer-tokens',
    'flag',
    'A session begins with a sign-in in the browser; bearer tokens are not accepted. Programs can use the admin API (`adminToken`), not the desktop.',
    { builtIn: ['false'], restricts: true },
  ),
  none('extra-jwt-issuers', 'list', 'It serves `skip-jwt-bearer-tokens`.', {
    restricts: true,
  }),
  none('bearer-token-login-fallback', 'flag', 'It serves `skip-jwt-bearer-tokens`.', {
    builtIn: ['true'],
  }),
  none(
    'api-route',
    'list',
    'The gateway tells navigations from other requests by itself: only a navigation is redirected to the provider, everything else gets 401.',
  ),
]
