// The people that the demo's provider knows: one who may control the desktop, one who may watch it, and one who can sign in
// at the provider but has no access.

export interface Person {
  /** Also the `sub` of every token. */
  readonly username: string
  readonly password: string
  readonly name: string
  readonly email: string
  readonly emailVerified: boolean
  readonly groups: readonly string[]
}

/** Members may control the desktop. */
export const DESKTOP_GROUP = 'desktop-users'
/** Members may watch. */
export const WATCHERS_GROUP = 'desktop-watchers'

/** May control the desktop. */
export const alice: Person = {
  username: 'alice',
  password: 'alice',
  name: 'Alice Adams',
  email: 'alice@example.com',
  emailVerified: true,
  groups: [DESKTOP_GROUP],
}

/** May see the desktop, and change nothing on it. */
export const bob: Person = {
  username: 'bob',
  password: 'bob',
  name: 'Bob Brown',
  email: 'bob@example.com',
  emailVerified: true,
  groups: [WATCHERS_GROUP],
}

/** Can sign in, but is in no group that has access. */
export const mallory: Person = {
  username: 'mallory',
  password: 'mallory',
  name: 'Mallory Moore',
  email: 'mallory@example.com',
  emailVerified: true,
  groups: [],
}
