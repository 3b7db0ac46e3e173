/** A user: how they sign in, and what an admin can change at once. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Role } from '../api/auth'
import { asProblem } from '../api/client'
import { changeUser, type User, type UserPatch, usersKey } from '../api/users'
import { Age } from '../models/age'
import { Select } from '../ui/select'
import { Status, Tag } from '../ui/status'
import { complain, toast } from '../ui/toasts'
import { ROLE_NAMES, rolesUpTo } from './roles'
import styles from './settings.module.css'
import { UserMenu } from './user-menu'

/** One's own row can't be changed: whoever demotes, locks or deletes themselves finds nobody to undo it. */
export function UserRow({
  user,
  isMe,
  onPassword,
  onDelete,
}: {
  user: User
  isMe: boolean
  onPassword: () => void
  onDelete: () => void
}) {
  const change = useChange(user)
  // What was chosen stands there while it is on its way.
  const role = (change.isPending && change.variables.role) || user.role
  const lock = (isActive: boolean) =>
    change.mutate(
      { isActive },
      { onSuccess: () => toast(`${user.name} is ${isActive ? 'unlocked' : 'locked'}`) },
    )
  return (
    <li className={styles.row}>
      <div className={styles.words}>
        <div className={styles.title}>
          <span className={styles.name}>{user.name}</span>
          {isMe && <Tag tone="accent">You</Tag>}
          {!user.isActive && <Status tone="bad">Locked</Status>}
        </div>
        <div className={styles.facts}>
          <span>{signInOf(user)}</span>
          <span>
            {user.lastSignInAt ? (
              <>
                Signed in <Age at={user.lastSignInAt} />
              </>
            ) : (
              'Never signed in'
            )}
          </span>
        </div>
      </div>
      {isMe ? (
        <span className={styles.ownRole}>{ROLE_NAMES[user.role]}</span>
      ) : (
        <div className={styles.controls}>
          <Select
            aria-label={`Role of ${user.name}`}
            options={rolesUpTo('admin')}
            value={role}
            onChange={(event) => change.mutate({ role: event.target.value as Role })}
          />
          <UserMenu user={user} onPassword={onPassword} onLock={lock} onDelete={onDelete} />
        </div>
      )}
    </li>
  )
}

/** One change after the other, in the order in which they were made. */
function useChange(user: User) {
  const queries = useQueryClient()
  return useMutation({
    scope: { id: `user ${user.id}` },
    mutationFn: (fields: UserPatch) => changeUser(user.id, fields),
    onError: (error) => {
      const problem = asProblem(error)
      complain(`${user.name} was not changed`, `${problem.message} ${problem.remedy}`.trim())
    },
    // Also after a refusal: then it says what holds.
    onSettled: () => queries.invalidateQueries({ queryKey: usersKey }),
  })
}

function signInOf({ hasPassword, issuer }: User): string {
  if (!issuer) return hasPassword ? 'Password' : 'No way to sign in'
  return `${hasPassword ? 'Password and single' : 'Single'} sign-on at ${hostOf(issuer)}`
}

function hostOf(address: string): string {
  return address.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}
