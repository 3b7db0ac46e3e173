/** The list of keys. */
import { useRef } from 'react'
import { useMay } from '../api/auth'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { SHORTCUTS } from './shortcuts'
import styles from './shell.module.css'

export default function KeyList({ open, onClose }: { open: boolean; onClose: () => void }) {
  const close = useRef<HTMLButtonElement>(null)
  const may = useMay()
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Keys"
      initialFocus={close}
      actions={
        <Button ref={close} onClick={onClose}>
          Close
        </Button>
      }
    >
      <dl className={styles.keys}>
        {SHORTCUTS.filter(({ needs = 'viewer' }) => may(needs)).map(({ keys, what }) => (
          <div key={what} className={styles.keyLine}>
            <dt>{what}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key} className={styles.key}>
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
