/** What the roles are called and what each may do. */
import type { Role } from '../api/auth'

/** Each may do all that the ones before it may. */
export const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']

export const ROLE_NAMES: Record<Role, string> = { viewer: 'Viewer', operator: 'Operator', admin: 'Admin' }

export const ROLE_HINTS: Record<Role, string> = {
  viewer: 'Sees models, downloads and storage.',
  operator: 'Also starts, cancels and retries downloads.',
  admin: 'May do everything: models, users, the audit log.',
}

/** For a select: the roles up to one's own. */
export const rolesUpTo = (own: Role) =>
  ROLES.slice(0, ROLES.indexOf(own) + 1).map((role) => ({ value: role, label: ROLE_NAMES[role] }))
