import { type FormEvent, useEffect, useRef } from 'react'
import { Field, Input } from '../ui/field'
import type { FormProps } from './password-form'
import { SubmitButton } from './submit-button'
import styles from './sign-in.module.css'

/** A token that is refused stays in its input, selected: it may only lack its end. */
export function TokenForm({ isBusy, notice, onSubmit }: FormProps) {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const token = input.current?.value.trim()
    if (token && !isBusy) onSubmit({ token }, { onError: () => input.current?.select() })
  }
  return (
    <form onSubmit={submit} className={styles.form}>
      <Field label="Access token" hint="It begins with wb_. The browser keeps a session, never the token.">
        <Input
          ref={input}
          name="token"
          type="password"
          mono
          required
          autoComplete="off"
          autoCapitalize="none"
          placeholder="wb_…"
          readOnly={isBusy}
        />
      </Field>
      {notice}
      <SubmitButton isBusy={isBusy} />
    </form>
  )
}
