/** A key or token: typed once, never shown again. A stored one can be replaced or removed, and both undone. */
import { Eye, EyeOff } from 'lucide-react'
import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
import type { UseFormRegisterReturn } from 'react-hook-form'
import { Button, IconButton } from '../ui/button'
import { Field, Input } from '../ui/field'
import styles from './form.module.css'
import type { SecretChange } from './schema'

const HINT = 'Stored encrypted. After saving you can replace it, not read it.'

/** `word`: what it is called within a sentence; `isStored`: the model has one already. */
export function SecretField({
  label,
  word,
  placeholder,
  optional,
  error,
  isStored,
  change,
  onChange,
  registration,
}: {
  label: string
  word: 'key' | 'token'
  placeholder: string
  optional?: boolean
  error?: ReactNode
  isStored: boolean
  change: SecretChange
  onChange: (change: SecretChange) => void
  registration: UseFormRegisterReturn
}) {
  const id = useId()
  const [place, to] = useFocusAfter(change, onChange)
  if (change === 'typed')
    return (
      <div ref={place} className={styles.secret}>
        <Field label={label} hint={HINT} error={error} optional={optional}>
          <SecretInput registration={registration} placeholder={placeholder} word={word} />
        </Field>
        {isStored && (
          <Button size="small" look="ghost" className={styles.undo} onClick={() => to('kept')}>
            Keep the stored {word}
          </Button>
        )}
      </div>
    )
  const isKept = change === 'kept'
  return (
    <div ref={place} role="group" aria-labelledby={id} className={styles.secret}>
      <div id={id} className={styles.label}>
        {label}
      </div>
      <div className={styles.stored} data-removed={isKept ? undefined : ''}>
        <span className={styles.dots}>{isKept ? '•••••' : 'Removed when you save'}</span>
        {isKept ? (
          <>
            <Button size="small" onClick={() => to('typed')}>
              Replace
            </Button>
            <Button size="small" onClick={() => to('removed')}>
              Remove
            </Button>
          </>
        ) : (
          <Button size="small" onClick={() => to('kept')}>
            Undo
          </Button>
        )}
      </div>
      <div className={styles.hint}>{isKept ? HINT : `Until then the stored ${word} stays.`}</div>
    </div>
  )
}

function SecretInput({
  registration,
  placeholder,
  word,
}: {
  registration: UseFormRegisterReturn
  placeholder: string
  word: string
}) {
  const [isShown, setShown] = useState(false)
  return (
    <span className={styles.withButton}>
      <Input
        {...registration}
        mono
        type={isShown ? 'text' : 'password'}
        placeholder={placeholder}
        // Browsers ignore “off” for passwords; this one they neither fill nor offer to keep.
        autoComplete="new-password"
      />
      <IconButton
        label={isShown ? `Hide ${word}` : `Show ${word}`}
        onClick={() => setShown(!isShown)}
        className={styles.eye}
      >
        {isShown ? <EyeOff size={16} /> : <Eye size={16} />}
      </IconButton>
    </span>
  )
}

/** What was clicked is gone then, so the keyboard goes to what stands in its place. */
function useFocusAfter(change: SecretChange, onChange: (change: SecretChange) => void) {
  const place = useRef<HTMLDivElement>(null)
  const wanted = useRef<SecretChange | null>(null)
  useEffect(() => {
    if (wanted.current !== change) return
    wanted.current = null
    place.current?.querySelector<HTMLElement>('input, button')?.focus()
  }, [change])
  const to = (next: SecretChange) => {
    wanted.current = next
    onChange(next)
  }
  return [place, to] as const
}
