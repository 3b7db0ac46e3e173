/** The inside of a dialog that asks for something: fields, what was refused, and two buttons. */
import { type ReactNode, useEffect, useRef } from 'react'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import type { Asking } from './asking'
import styles from './settings.module.css'

/** A refusal takes the keyboard to the first field that is to blame; one of no field interrupts. */
export function Form({
  id,
  asking,
  onSubmit,
  children,
}: {
  id: string
  asking: Asking
  onSubmit: () => void
  children: ReactNode
}) {
  const form = useRef<HTMLFormElement>(null)
  const refused = Object.keys(asking.wrong).join()
  useEffect(() => {
    if (refused) form.current?.querySelector<HTMLElement>('[data-invalid]:is(input, select)')?.focus()
  }, [refused])
  return (
    <form
      ref={form}
      id={id}
      className={styles.form}
      onInput={asking.forget}
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
    >
      {children}
      <Refusal asking={asking} />
    </form>
  )
}

/** Why nothing was done, in words that interrupt. */
export function Refusal({ asking: { problem } }: { asking: Asking }) {
  if (!problem) return null
  return (
    <Notice tone="bad" role="alert" title={problem.message}>
      {problem.retryAfter ? `Try again in ${problem.retryAfter} s. ` : ''}
      {problem.remedy}
    </Notice>
  )
}

/** The buttons of a form; `words` say what it does, `busyWords` that it is being done. */
export function FormButtons({
  form,
  asking,
  words,
  busyWords,
  onCancel,
}: {
  form: string
  asking: Asking
  words: string
  busyWords: string
  onCancel: () => void
}) {
  return (
    <>
      <Button onClick={onCancel} aria-disabled={asking.isBusy}>
        Cancel
      </Button>
      <Button type="submit" form={form} look="primary" aria-disabled={asking.isBusy}>
        {asking.isBusy ? busyWords : words}
      </Button>
    </>
  )
}
