/** Who is signed in, until when, and out again. */
import { useQueryClient } from '@tanstack/react-query'
import { LogOut } from 'lucide-react'
import { useState } from 'react'
import { asProblem, type Problem } from '../api/client'
import { type Me, signOut } from '../api/auth'
import { dateTime } from '../lib/format'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import { Line } from './line'

const ROLES: Record<Me['role'], string> = {
  viewer: 'Looks on',
  operator: 'Starts and cancels downloads',
  admin: 'May do everything',
}

export function Session({ me }: { me: Me }) {
  const queries = useQueryClient()
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const leave = async () => {
    setBusy(true)
    setProblem(null)
    try {
      await signOut(queries)
    } catch (error) {
      setProblem(asProblem(error))
      setBusy(false)
    }
  }
  return (
    <>
      <Line name={`Signed in as ${me.name}`} hint={`${ROLES[me.role]}. ${endOf(me)}`}>
        <Button icon={<LogOut size={15} />} disabled={isBusy} onClick={() => void leave()}>
          {isBusy ? 'Signing out…' : 'Sign out'}
        </Button>
      </Line>
      {problem && (
        <Notice tone="bad" role="alert" title={problem.message}>
          {problem.remedy}
        </Notice>
      )}
    </>
  )
}

const endOf = (me: Me): string =>
  me.expiresAt
    ? `The session ends on ${dateTime(me.expiresAt)}.`
    : 'There is no session: the token itself is sent.'
