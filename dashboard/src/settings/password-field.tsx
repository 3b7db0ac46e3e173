/** A password: hidden until its eye is opened. */
import { Eye, EyeOff } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { IconButton } from '../ui/button'
import { Field, Input } from '../ui/field'
import styles from './settings.module.css'

export function PasswordField({
  label,
  hint,
  error,
  value,
  onChange,
  autoComplete,
}: {
  label: string
  hint?: ReactNode
  error?: string
  value: string
  onChange: (value: string) => void
  /** `current-password` is filled by the browser, `new-password` may be made up by it. */
  autoComplete: 'current-password' | 'new-password'
}) {
  const [isShown, setShown] = useState(false)
  const word = label.toLowerCase()
  return (
    <Field label={label} hint={hint} error={error}>
      <span className={styles.withButton}>
        <Input
          type={isShown ? 'text' : 'password'}
          required
          autoComplete={autoComplete}
          autoCapitalize="none"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
        <IconButton
          label={isShown ? `Hide ${word}` : `Show ${word}`}
          onClick={() => setShown(!isShown)}
          className={styles.eye}
        >
          {isShown ? <EyeOff size={16} /> : <Eye size={16} />}
        </IconButton>
      </span>
    </Field>
  )
}

/** The floors of the API (shared/users.py), which decides. */
const SHORTEST = 12
const FEWEST_DIFFERENT = 5

/** What a new password still lacks, as it is typed. */
export function newPasswordHint(password: string): string {
  const length = [...password].length
  if (!length) return `At least ${SHORTEST} characters.`
  if (length < SHORTEST) return `At least ${SHORTEST} characters: ${SHORTEST - length} more.`
  if (new Set(password).size < FEWEST_DIFFERENT)
    return `Use at least ${FEWEST_DIFFERENT} different characters.`
  return 'Long enough.'
}
