/** A choice from a short list, alone or in a Field, which then names and describes it. */
import { Field as Base } from '@base-ui/react/field'
import { ChevronsUpDown } from 'lucide-react'
import type { ComponentProps } from 'react'
import field from './field.module.css'
import styles from './select.module.css'

/** The browser's own list: it knows phones, type-ahead and both themes. */
export function Select({
  options,
  ...rest
}: Omit<ComponentProps<'select'>, 'children' | 'className'> & {
  options: readonly { value: string; label: string }[]
}) {
  return (
    <span className={styles.place}>
      <Base.Control
        render={
          <select>
            {options.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        }
        className={`${field.input} ${styles.select}`}
        {...(rest as ComponentProps<typeof Base.Control>)}
      />
      <ChevronsUpDown size={15} aria-hidden="true" className={styles.mark} />
    </span>
  )
}
