import { type ReactNode, useId } from 'react'
import styles from './settings.module.css'

/** A part of the settings: its title, what it is about, and what can be done with the whole of it. */
export function Card({
  title,
  note,
  action,
  children,
}: {
  title: string
  note?: ReactNode
  action?: ReactNode
  children?: ReactNode
}) {
  const id = useId()
  return (
    <section aria-labelledby={id} className={styles.card}>
      <div className={styles.head}>
        <div className={styles.words}>
          <h2 id={id}>{title}</h2>
          {note && <p className={styles.hint}>{note}</p>}
        </div>
        {action}
      </div>
      {children}
    </section>
  )
}
