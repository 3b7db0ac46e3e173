/** Leaving a form: with changes it asks once. */
import { createContext, type ReactNode, useContext, useRef } from 'react'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'

/** Go somewhere else, unless there are changes that somebody wants to keep. */
export const Leave = createContext<(to: string) => void>(() => {})

/** A link out of the form. */
export function LeaveLink({
  to,
  className,
  children,
}: {
  to: string
  className?: string
  children: ReactNode
}) {
  const leave = useContext(Leave)
  return (
    <a
      href={to}
      className={className}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return
        event.preventDefault()
        leave(to)
      }}
    >
      {children}
    </a>
  )
}

/** Keep editing, or discard. */
export function LeaveQuestion({
  open,
  what,
  onKeep,
  onDiscard,
}: {
  open: boolean
  what: string
  onKeep: () => void
  onDiscard: () => void
}) {
  const keep = useRef<HTMLButtonElement>(null)
  return (
    <Dialog
      open={open}
      onClose={onKeep}
      title="Discard your changes?"
      description={what}
      initialFocus={keep}
      actions={
        <>
          <Button ref={keep} onClick={onKeep}>
            Keep editing
          </Button>
          <Button look="danger" onClick={onDiscard}>
            Discard
          </Button>
        </>
      }
    />
  )
}
