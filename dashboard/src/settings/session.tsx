/** Who is signed in, as what, until when, and out again. */
import { useQueryClient } from '@tanstack/react-query'
import { LogOut } from 'lucide-react'
import { type Me, signOut } from '../api/auth'
import { dateTime } from '../lib/format'
import { Button } from '../ui/button'
import { useAsking } from './asking'
import { Refusal } from './form'
import { Line } from './line'
import { ROLE_HINTS, ROLE_NAMES } from './roles'

export function Session({ me }: { me: Me }) {
  const queries = useQueryClient()
  const asking = useAsking()
  return (
    <>
      <Line
        name={`Signed in as ${me.name}`}
        hint={me.expiresAt ? `The session ends on ${dateTime(me.expiresAt)}.` : NO_SESSION}
      >
        <Button
          icon={<LogOut size={15} />}
          disabled={asking.isBusy}
          onClick={() => asking.ask(() => signOut(queries))}
        >
          {asking.isBusy ? 'Signing out…' : 'Sign out'}
        </Button>
      </Line>
      <Refusal asking={asking} />
      <Line name="Role" hint={ROLE_HINTS[me.role]}>
        {ROLE_NAMES[me.role]}
      </Line>
    </>
  )
}

const NO_SESSION = 'There is no session: the token itself is sent.'
