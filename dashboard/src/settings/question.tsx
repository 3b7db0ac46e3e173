/** Whether something is to end; the keyboard stands on the harmless answer. */
import { type ReactNode, type RefObject, useRef } from 'react'
import { keepPlaceAt } from '../lib/focus'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { useAsking } from './asking'
import { Refusal } from './form'

/** `onYes` does it, and the question closes; `next`, or else the page, has the keyboard when what had it is gone. */
export function Question({
  open,
  onClose,
  title,
  children,
  no,
  yes,
  busyYes,
  onYes,
  next,
}: {
  open: boolean
  onClose: () => void
  title: string
  children: ReactNode
  no: string
  yes: string
  busyYes: string
  onYes: () => Promise<void>
  next?: RefObject<HTMLElement | null>
}) {
  const keep = useRef<HTMLButtonElement>(null)
  const asking = useAsking()
  const close = () => {
    if (!asking.isBusy) onClose()
  }
  const end = () =>
    asking.ask(async () => {
      await onYes()
      keepPlaceAt(() => next?.current)
      onClose()
    })
  return (
    <Dialog
      open={open}
      onClose={close}
      initialFocus={keep}
      title={title}
      description={children}
      actions={
        <>
          <Button ref={keep} onClick={close} aria-disabled={asking.isBusy}>
            {no}
          </Button>
          <Button look="danger" onClick={end} aria-disabled={asking.isBusy}>
            {asking.isBusy ? busyYes : yes}
          </Button>
        </>
      }
    >
      <Refusal asking={asking} />
    </Dialog>
  )
}
