import styles from './shell.module.css'

/** The mark and the name. */
export function Logo() {
  return (
    <span className={styles.logo}>
      <svg width="23" height="23" viewBox="0 0 24 24" aria-hidden="true">
        <rect width="24" height="24" rx="6" fill="var(--accent)" />
        <path
          d="M7 17v-5M12 17V7M17 17v-8"
          stroke="var(--on-accent)"
          strokeWidth="2.4"
          strokeLinecap="round"
        />
      </svg>
      <span className={styles.logoName}>Weighbridge</span>
    </span>
  )
}
