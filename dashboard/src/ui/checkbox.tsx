/** A box to tick, with its words. */
import { Checkbox as Base } from '@base-ui/react/checkbox'
import { Check } from 'lucide-react'
import type { ReactNode, Ref } from 'react'
import styles from './checkbox.module.css'

/** The whole line is the target; `hint` stands below the words. */
export function Checkbox({
  checked,
  onChange,
  children,
  hint,
  disabled,
  ref,
}: {
  checked: boolean
  onChange: (checked: boolean) => void
  children: ReactNode
  hint?: ReactNode
  disabled?: boolean
  ref?: Ref<HTMLElement>
}) {
  return (
    <label className={styles.line}>
      <Base.Root
        ref={ref}
        checked={checked}
        onCheckedChange={onChange}
        disabled={disabled}
        className={styles.box}
      >
        <Base.Indicator className={styles.mark}>
          <Check size={13} strokeWidth={3} />
        </Base.Indicator>
      </Base.Root>
      <span className={styles.text}>
        <span className={styles.words}>{children}</span>
        {hint && <span className={styles.hint}>{hint}</span>}
      </span>
    </label>
  )
}
