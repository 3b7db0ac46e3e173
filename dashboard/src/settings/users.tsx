/** The people who may sign in; for admins. */
import { useQuery } from '@tanstack/react-query'
import { UserPlus } from 'lucide-react'
import { useRef } from 'react'
import type { Me } from '../api/auth'
import { asProblem } from '../api/client'
import { type User, usersQuery } from '../api/users'
import { Button } from '../ui/button'
import { AddUser } from './add-user'
import { Card } from './card'
import { DeleteUser } from './delete-user'
import { ListSkeleton, NotRead } from './list'
import { SetPassword } from './set-password'
import styles from './settings.module.css'
import { useDialog } from './use-dialog'
import { UserRow } from './user-row'

export function Users({ me }: { me: Me }) {
  const users = useQuery(usersQuery)
  const adding = useDialog<true>()
  const password = useDialog<User>()
  const doomed = useDialog<User>()
  const add = useRef<HTMLButtonElement>(null)
  return (
    <Card
      title="Users"
      note="Who may sign in with a name of their own."
      action={
        <Button ref={add} icon={<UserPlus size={15} />} onClick={() => adding.open(true)}>
          Add user
        </Button>
      }
    >
      {users.isPending && <ListSkeleton words="Reading the users" />}
      {users.isError && <NotRead problem={asProblem(users.error)} onRetry={() => void users.refetch()} />}
      {users.data?.length === 0 && (
        <div className={styles.nothing}>
          <p>
            So far only the admin token signs in. Add users, so that everybody has a role and a password of
            their own, and the audit log says who did what.
          </p>
        </div>
      )}
      <ul aria-label="Users">
        {users.data?.map((user) => (
          <UserRow
            key={user.id}
            user={user}
            // Names are unique, and no user is called like the admin token.
            isMe={user.name === me.name}
            onPassword={() => password.open(user)}
            onDelete={() => doomed.open(user)}
          />
        ))}
      </ul>
      {adding.about && <AddUser key={adding.key} open={adding.isOpen} onClose={adding.close} />}
      {password.about && (
        <SetPassword
          key={password.key}
          user={password.about}
          open={password.isOpen}
          onClose={password.close}
        />
      )}
      {doomed.about && (
        <DeleteUser
          key={doomed.key}
          user={doomed.about}
          open={doomed.isOpen}
          onClose={doomed.close}
          next={add}
        />
      )}
    </Card>
  )
}
