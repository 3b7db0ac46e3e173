/** One to five dots; the number is for those who don't see them. */
import styles from './rating.module.css'

export function Rating({ value, what }: { value: number; what: string }) {
  return (
    <span className={styles.rating}>
      <span className="visually-hidden">
        {what} {value} of 5
      </span>
      {[1, 2, 3, 4, 5].map((dot) => (
        <span key={dot} className={styles.dot} data-on={dot <= value || undefined} />
      ))}
    </span>
  )
}
