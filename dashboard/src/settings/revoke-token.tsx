/** Ending a token. */
import { useQueryClient } from '@tanstack/react-query'
import type { RefObject } from 'react'
import { asProblem } from '../api/client'
import { revokeToken, type Token, tokensKey } from '../api/tokens'
import { toast } from '../ui/toasts'
import { Question } from './question'

/** `next` has the keyboard once the token's own row is gone. */
export function RevokeToken({
  token,
  open,
  onClose,
  next,
}: {
  token: Token
  open: boolean
  onClose: () => void
  next: RefObject<HTMLElement | null>
}) {
  const queries = useQueryClient()
  const revoke = async () => {
    await revokeToken(token.id).catch((error: unknown) => {
      // Gone already: as it should be.
      if (asProblem(error).status !== 404) throw error
    })
    await queries.invalidateQueries({ queryKey: tokensKey })
    toast(`${token.name} is revoked`)
  }
  return (
    <Question
      open={open}
      onClose={onClose}
      title={`Revoke ${token.name}?`}
      no="Keep token"
      yes="Revoke token"
      busyYes="Revoking…"
      onYes={revoke}
      next={next}
    >
      Whatever calls with {token.prefix}… is refused from now on, and the sessions that were opened with it
      end. It can’t be brought back.
    </Question>
  )
}
