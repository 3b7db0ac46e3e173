/** A labelled input: its hint below it, or, when it is wrong, why. */
import { Field as Base } from '@base-ui/react/field'
import type { ComponentProps, ReactNode } from 'react'
import styles from './field.module.css'

/** `error` replaces the hint; the input is described by whichever is shown. */
export function Field({
  label,
  hint,
  error,
  optional = false,
  children,
}: {
  label: string
  hint?: ReactNode
  error?: ReactNode
  optional?: boolean
  children: ReactNode
}) {
  return (
    <Base.Root className={styles.field} invalid={Boolean(error)}>
      <Base.Label className={styles.label}>
        {label}
        {optional && <span className={styles.optional}> optional</span>}
      </Base.Label>
      {children}
      {error ? (
        <Base.Error match className={styles.error}>
          {error}
        </Base.Error>
      ) : (
        hint && <Base.Description className={styles.hint}>{hint}</Base.Description>
      )}
    </Base.Root>
  )
}

/** A text input, alone or in a Field, which then names and describes it. */
export function Input({ mono = false, className, ...rest }: ComponentProps<'input'> & { mono?: boolean }) {
  return (
    <Base.Control
      render={<input />}
      className={[styles.input, mono && styles.mono, className].filter(Boolean).join(' ')}
      autoComplete="off"
      spellCheck={false}
      {...(rest as ComponentProps<typeof Base.Control>)}
    />
  )
}

/** Several lines of text, in a Field or alone. */
export function TextArea({ className, ...rest }: ComponentProps<'textarea'>) {
  return (
    <Base.Control
      render={<textarea />}
      className={[styles.input, styles.mono, styles.area, className].filter(Boolean).join(' ')}
      autoComplete="off"
      spellCheck={false}
      {...(rest as ComponentProps<typeof Base.Control>)}
    />
  )
}
