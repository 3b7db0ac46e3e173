/** What the API refused: below its field, or above the form. */
import { useEffect, useRef } from 'react'
import type { Problem } from '../api/client'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import type { Refusals } from './bodies'
import { LeaveLink } from './leave'

/** The words below a refused field, with the way to the model that is in its way. */
export function refusedText(refusals: Refusals, field: string) {
  const refusal = refusals[field]
  if (!refusal) return undefined
  return (
    <>
      {refusal.message}{' '}
      {refusal.existingId !== null && (
        <LeaveLink to={`/models?info=${refusal.existingId}`}>Show it</LeaveLink>
      )}
    </>
  )
}

/** Why nothing was saved; everything typed is still there. */
export function ProblemNotice({ problem, form }: { problem: Problem | null; form: string }) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    // The button that was pressed is always in sight, this is not.
    if (problem) place.current?.scrollIntoView?.({ block: 'nearest' })
  }, [problem])
  if (!problem) return null
  const mayWork = problem.status === 0 || problem.status === 429 || problem.status >= 500
  return (
    <div ref={place}>
      <Notice
        tone="bad"
        role="alert"
        title={problem.message}
        actions={
          mayWork && (
            <Button size="small" type="submit" form={form}>
              Try again
            </Button>
          )
        }
      >
        {problem.remedy}
        {problem.status >= 500 && problem.requestId && <> Request {problem.requestId}.</>}
      </Notice>
    </div>
  )
}
