import type { ReactNode } from 'react'
import styles from './settings.module.css'

/** A name with its explanation, and what stands for it on the right. */
export function Line({ name, hint, children }: { name: ReactNode; hint?: ReactNode; children: ReactNode }) {
  return (
    <div className={styles.line}>
      <div className={styles.words}>
        <div className={styles.name}>{name}</div>
        {hint && <div className={styles.hint}>{hint}</div>}
      </div>
      <div className={styles.value}>{children}</div>
    </div>
  )
}
