/** Says what it will do, then that it does, then that it has. */
import { Check } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from '../ui/button'

export function SubmitButton({
  form,
  icon,
  word,
  busyWord,
  doneWord,
  isValid,
  isBusy,
  isDone = false,
}: {
  form: string
  icon?: ReactNode
  word: string
  busyWord: string
  doneWord?: string
  isValid: boolean
  isBusy: boolean
  isDone?: boolean
}) {
  // Busy and done it keeps the focus, and does nothing.
  const isOff = isBusy || isDone
  return (
    <Button
      type={isOff ? 'button' : 'submit'}
      form={form}
      look="primary"
      icon={isDone ? <Check size={15} /> : icon}
      disabled={!isValid && !isOff}
      aria-disabled={isOff || undefined}
    >
      {isDone ? doneWord : isBusy ? busyWord : word}
    </Button>
  )
}
