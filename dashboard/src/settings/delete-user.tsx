/** Deleting somebody. */
import { useQueryClient } from '@tanstack/react-query'
import type { RefObject } from 'react'
import { asProblem } from '../api/client'
import { tokensKey } from '../api/tokens'
import { deleteUser, type User, usersKey } from '../api/users'
import { toast } from '../ui/toasts'
import { Question } from './question'

/** `next` has the keyboard once the user's own row is gone. */
export function DeleteUser({
  user,
  open,
  onClose,
  next,
}: {
  user: User
  open: boolean
  onClose: () => void
  next: RefObject<HTMLElement | null>
}) {
  const queries = useQueryClient()
  const remove = async () => {
    await deleteUser(user.id).catch((error: unknown) => {
      // Gone already: as it should be.
      if (asProblem(error).status !== 404) throw error
    })
    await Promise.all([usersKey, tokensKey].map((queryKey) => queries.invalidateQueries({ queryKey })))
    toast(`${user.name} is deleted`)
  }
  return (
    <Question
      open={open}
      onClose={onClose}
      title={`Delete ${user.name}?`}
      no="Keep user"
      yes="Delete user"
      busyYes="Deleting…"
      onYes={remove}
      next={next}
    >
      All sessions and API tokens of {user.name} end at once. What {user.name} did stays in the audit log. To
      keep somebody out for a while, lock them instead.
    </Question>
  )
}
