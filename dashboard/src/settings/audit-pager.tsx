/** From one page of the log to the next. */
import { ChevronLeft, ChevronRight } from 'lucide-react'
import { count } from '../lib/format'
import { Button } from '../ui/button'
import { changeAuditView } from './audit-view'
import styles from './audit.module.css'

export function AuditPager({ page, pages }: { page: number; pages: number }) {
  if (pages < 2) return null
  return (
    <nav aria-label="Pages" className={styles.pager}>
      <Button
        icon={<ChevronLeft size={15} />}
        aria-disabled={page === 1}
        onClick={() => page > 1 && turnTo(page - 1)}
      >
        Newer
      </Button>
      <span className={styles.pages}>
        Page {count(page)} of {count(pages)}
      </span>
      <Button aria-disabled={page === pages} onClick={() => page < pages && turnTo(page + 1)}>
        Older
        <ChevronRight size={15} />
      </Button>
    </nav>
  )
}

function turnTo(page: number): void {
  changeAuditView({ page })
  scrollTo({ top: 0 })
}
