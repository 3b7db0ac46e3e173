/** On or off at once, with its words. */
import { Switch as Base } from '@base-ui/react/switch'
import type { ReactNode } from 'react'
import styles from './switch.module.css'

/** The whole line is the target; `hint` stands below the words. */
export function Switch({
  checked,
  onChange,
  children,
  hint,
  disabled,
}: {
  checked: boolean
  onChange: (checked: boolean) => void
  children: ReactNode
  hint?: ReactNode
  disabled?: boolean
}) {
  return (
    <label className={styles.line}>
      <Base.Root checked={checked} onCheckedChange={onChange} disabled={disabled} className={styles.track}>
        <Base.Thumb className={styles.thumb} />
      </Base.Root>
      <span className={styles.text}>
        <span className={styles.words}>{children}</span>
        {hint && <span className={styles.hint}>{hint}</span>}
      </span>
    </label>
  )
}
