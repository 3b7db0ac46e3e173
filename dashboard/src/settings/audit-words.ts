/** What the audit log says, in words for people. */
import type { AuditAction, AuditEvent } from '../api/audit'
import { dateTime } from '../lib/format'

/** In the order in which the filter offers them. */
export const ACTION_WORDS: Record<AuditAction, string> = {
  'model.created': 'Created model',
  'model.changed': 'Changed model',
  'model.deleted': 'Deleted model',
  'model.connection_tested': 'Tested connection',
  'model.verify_requested': 'Requested verification',
  'model.update_requested': 'Requested update',
  'reference.set': 'Set reference',
  'reference.removed': 'Removed reference',
  'download.requested': 'Requested download',
  'download.canceled': 'Canceled download',
  'download.changed': 'Changed download',
  'download.cleared': 'Cleared download',
  'cache.adopted': 'Added cached files',
  'cache.clean_up_requested': 'Requested clean-up',
  'auth.signed_in': 'Signed in',
  'auth.signed_out': 'Signed out',
  'auth.sign_in_refused': 'Sign-in refused',
  'auth.access_denied': 'Access denied',
  'auth.password_changed': 'Changed password',
  'user.created': 'Added user',
  'user.changed': 'Changed user',
  'user.deleted': 'Deleted user',
  'token.created': 'Created token',
  'token.revoked': 'Revoked token',
  'storage.volume_forgotten': 'Forgot volume',
  'audit.exported': 'Exported audit log',
}

/** What was done; a word that is newer than this page stands for itself. */
export const wordsOf = ({ action }: AuditEvent): string => ACTION_WORDS[action as AuditAction] ?? action

/** What somebody wanted and was not let. */
export const isRefusal = ({ action }: AuditEvent): boolean =>
  action === 'auth.sign_in_refused' || action === 'auth.access_denied'

/** `[['name', 'CI'], ['expires at', 'none']]`: first whom or what it was done to. */
export function factsOf({ details }: AuditEvent): [string, string][] {
  return Object.entries(details ?? {})
    .toSorted(([one], [other]) => Number(WHICH.has(other)) - Number(WHICH.has(one)))
    .map(([name, value]) => [name.replaceAll('_', ' '), textOf(value)])
}

const WHICH = new Set(['user', 'name'])

/** All facts on one line. */
export const lineOf = (event: AuditEvent): string =>
  factsOf(event)
    .map(([name, value]) => `${name}: ${value}`)
    .join(' · ')

function textOf(value: unknown): string {
  if (value === null || value === '') return 'none'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'string') return INSTANT.test(value) ? dateTime(value) : value
  return Array.isArray(value) ? value.map(textOf).join(', ') : JSON.stringify(value)
}

const INSTANT = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/
