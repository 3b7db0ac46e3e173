import { type FormEvent, type ReactNode, useEffect, useRef } from 'react'
import type { Credentials } from '../api/auth'
import { Field, Input } from '../ui/field'
import { SubmitButton } from './submit-button'
import styles from './sign-in.module.css'

export type FormProps = {
  isBusy: boolean
  /** Why it did not work before. */
  notice: ReactNode
  onSubmit: (credentials: Credentials, options: { onError: () => void }) => void
}

/** A refused password is forgotten; the name stays. */
export function PasswordForm({
  name,
  onName,
  isBusy,
  notice,
  onSubmit,
}: FormProps & { name: string; onName: (name: string) => void }) {
  const first = useRef<HTMLInputElement>(null)
  const password = useRef<HTMLInputElement>(null)
  useEffect(() => first.current?.focus(), [])
  const retype = () => {
    if (!password.current) return
    password.current.value = ''
    password.current.focus()
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const given = { name: name.trim(), password: password.current?.value ?? '' }
    if (given.name && given.password && !isBusy) onSubmit(given, { onError: retype })
  }
  return (
    <form onSubmit={submit} className={styles.form}>
      <Field label="Name">
        <Input
          ref={first}
          name="username"
          value={name}
          onChange={(event) => onName(event.target.value)}
          required
          autoComplete="username"
          autoCapitalize="none"
          readOnly={isBusy}
        />
      </Field>
      <Field label="Password">
        <Input
          ref={password}
          name="password"
          type="password"
          required
          autoComplete="current-password"
          readOnly={isBusy}
        />
      </Field>
      {notice}
      <SubmitButton isBusy={isBusy} />
    </form>
  )
}
