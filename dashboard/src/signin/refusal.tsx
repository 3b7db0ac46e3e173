/** Why somebody is not signed in, and what to do about it. */
import type { Problem } from '../api/client'
import { Notice } from '../ui/status'

/** What was typed was refused, or could not be checked. */
export function Refusal({ problem, way }: { problem: Problem; way: 'password' | 'token' }) {
  const [title, fix] =
    problem.status === 401 ? WRONG[way] : [problem.message, problem.remedy || 'Try again in a moment.']
  return (
    <Notice tone="bad" role="alert" title={title}>
      {fix}
    </Notice>
  )
}

const WRONG = {
  password: ['Name or password is not right', 'Type the password again; mind capital letters.'],
  token: ['This token is not valid', 'Check that it is complete and belongs to this installation.'],
} as const

/** What the identity provider's way back says in the address (`?problem=`). */
export function ProviderProblem({
  problem,
  label = 'The identity provider',
}: {
  problem: string | null
  label?: string
}) {
  if (problem === 'refused')
    return (
      <Notice tone="bad" role="alert" title="You have no access here">
        {label} knows who you are, but Weighbridge does not let you in. Ask an administrator for access.
      </Notice>
    )
  if (problem === 'provider')
    return (
      <Notice tone="bad" role="alert" title="Single sign-on did not work">
        {label} did not confirm who you are. Try again; if it fails again, tell an administrator.
      </Notice>
    )
  return null
}
