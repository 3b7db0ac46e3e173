import type { ReactNode } from 'react'
import styles from './shell.module.css'

/** A page with nothing on it but a few words: no navigation works yet, or any more. */
export function Alone({ children }: { children: ReactNode }) {
  return (
    <main className={styles.alone}>
      <div>
        <h1 className="visually-hidden">Weighbridge</h1>
        {children}
      </div>
    </main>
  )
}
